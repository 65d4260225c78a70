//! `sample-tree DIR`: writes a small root with a dozen modules, for trying the tools on a machine without
//! kernel modules. The modules have the sections that the tools read but no code; no kernel loads them.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do to the system what they like"
)]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use oxmod_test_support::{Compression, Module, compress};

const RELEASE: &str = "6.1.0-sample";

/// A module's path relative to the module directory, and the function that fills it in.
type Entry = (&'static str, fn(Module) -> Module);

/// Listed in the order of `modules.order`.
const MODULES: [Entry; 12] = [
    ("kernel/lib/crc-sample.ko", |m| {
        m.info("description", "Checksums").export("crc_sample", 0x1111_0001).alias("crypto-crc-sample")
    }),
    ("kernel/crypto/sample_hash.ko.xz", |m| {
        m.info("description", "A hash").export("sample_hash", 0x1111_0002).need("crc_sample")
    }),
    ("kernel/fs/sample_jbd.ko", |m| {
        m.info("description", "A journal")
            .export_in("sample_journal_start", 0x1111_0003, "SAMPLE_JBD")
            .info("parm", "commit:seconds between commits")
            .info("parmtype", "commit:uint")
    }),
    ("kernel/fs/samplefs.ko.xz", |m| {
        m.info("description", "A file system")
            .info("author", "The oxmod developers")
            .alias("fs-samplefs")
            .info("import_ns", "SAMPLE_JBD")
            .info("softdep", "pre: sample_crypt")
            .need("sample_journal_start")
            .need("sample_hash")
            .need_weak("sample_quota")
    }),
    ("kernel/crypto/sample_crypt.ko", |m| {
        m.info("description", "A cipher").alias("crypto-sample").need("sample_hash")
    }),
    ("kernel/drivers/bus/sample_bus.ko", |m| {
        m.info("description", "A bus").export("sample_bus_register", 0x1111_0004)
    }),
    ("kernel/drivers/net/sample_phy.ko.gz", |m| {
        m.info("description", "A transceiver")
            .export("sample_phy_attach", 0x1111_0005)
            .need("sample_bus_register")
    }),
    ("kernel/drivers/net/samplenet.ko.zst", |m| {
        m.info("description", "A network card")
            .info("firmware", "sample/net-1.bin")
            .alias("pci:v00008086d0000F00Dsv*sd*bc*sc*i*")
            .alias("pci:v00008086d0000F00Esv*sd*bc*sc*i*")
            .info("parm", "debug:level of debugging")
            .info("parmtype", "debug:int")
            .need("sample_phy_attach")
            .need("sample_bus_register")
    }),
    ("kernel/drivers/usb/sample_usb.ko", |m| {
        m.info("description", "A USB stick")
            .alias("usb:v1D6Bp00[0-4]*d*dc*dsc*dp*ic*isc*ip*in*")
            .need("sample_bus_register")
    }),
    ("kernel/drivers/char/sample_watchdog.ko", |m| {
        m.info("description", "A watchdog").alias("devname:samplewd").alias("char-major-10-130")
    }),
    ("kernel/drivers/gpu/sample_gpu.ko.xz", |m| {
        m.info("description", "A graphics card")
            .info("firmware", "sample/gpu.bin")
            .alias("pci:v000010DEd*sv*sd*bc03sc00i*")
            .info("weakdep", "sample_watchdog")
            .build_id(&[0x5a; 20])
    }),
    ("kernel/sound/sample-sound.ko", |m| {
        m.info("description", "A sound card").alias("snd-card-sample").need("sample_bus_register")
    }),
];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), None) = (args.next(), args.next()) else {
        eprintln!("usage: sample-tree DIR");
        return ExitCode::FAILURE;
    };
    match write(Path::new(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sample-tree: {}: {error}", Path::new(&dir).display());
            ExitCode::FAILURE
        }
    }
}

fn write(root: &Path) -> std::io::Result<()> {
    let dir = root.join("lib/modules").join(RELEASE);
    let mut order = String::new();
    for (path, fill) in MODULES {
        let base = path.rsplit('/').next().unwrap_or_default();
        let stem = base.split('.').next().unwrap_or_default();
        let module = fill(Module::new().info("license", "GPL"))
            .info("name", stem.replace('-', "_"))
            .info("vermagic", format!("{RELEASE} SMP preempt mod_unload modversions "));
        put(&dir.join(path), &compress(&module.build(), Compression::of_name(path)))?;
        let (plain, _) = path.split_once(".ko").unwrap_or((path, ""));
        order = order + plain + ".ko\n";
    }
    put(&dir.join("modules.order"), order.as_bytes())?;
    put(&dir.join("modules.builtin"), b"kernel/fs/sample_proc.ko\nkernel/drivers/char/sample_random.ko\n")?;
    put(
        &dir.join("modules.builtin.modinfo"),
        b"sample_proc.description=Processes as files\0sample_proc.license=GPL\0sample_proc.alias=fs-sampleproc\0\
          sample_random.description=Random numbers\0sample_random.license=GPL\0",
    )?;
    put(
        &root.join("etc/modprobe.d/sample.conf"),
        b"# Options for a network card, a blacklisted driver, another name for a file system.\n\
          options samplenet debug=3\nblacklist sample_gpu\nalias my-root-fs samplefs\n\
          softdep sample_usb post: sample_sound\n",
    )
}

fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, bytes)
}
