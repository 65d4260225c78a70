//! What the tests share: root tree builder, ELF module builder, runner of either tool.
