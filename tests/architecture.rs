//! Fails on a wrong edge between the rooms of the library.
