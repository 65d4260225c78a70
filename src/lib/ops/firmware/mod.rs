//! Firmware: which files a selection of modules requests, where they are, and an image of only those files.
//!
//! [`select`] selects modules including their dependencies, [`needs`] returns what they request, [`FirmwareSearch`]
//! finds it as the kernel would, [`ImageTree`] collects it together with the links that lead to it, and [`copy`] writes
//! the image to a directory. None of them prints.
//!
//! # Examples
//!
//! Find out which of the requested files exist:
//!
//! ```
//! use std::fs;
//!
//! use oxmod::ops::firmware::{Needs, FirmwareSearch, Survey};
//!
//! let root = tempfile::tempdir()?;
//! let dir = root.path().join("lib/firmware/acme");
//! fs::create_dir_all(&dir)?;
//! fs::write(dir.join("one.bin"), "firmware")?;
//!
//! let mut needs = Needs::new();
//! needs.insert("acme/one.bin".into(), vec!["acmenet".into()]);
//! needs.insert("acme/two.bin".into(), vec!["acmenet".into()]);
//! let search = FirmwareSearch::system(root.path(), b"6.12.0", None)?;
//! let survey = Survey::new(&needs, &search);
//! assert_eq!(survey.present[0].name, "acme/one.bin");
//! assert_eq!(survey.missing[0].name, "acme/two.bin");
//! assert_eq!(survey.image(&search).image.sizes().files, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Copy the firmware of one driver of the running kernel to another directory:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use oxmod::context::{ConfigSource, Context, module_dir};
//! use oxmod::notice::Sink;
//! use oxmod::ops::firmware::{FirmwareSearch, Selection, Survey, copy, kernel_path, needs, select};
//!
//! let context = Context::open(module_dir(None, None)?, &ConfigSource::System, &Sink::none());
//! let selection = Selection { names: vec!["r8169".into()], ..Selection::default() };
//! let selected = select(&context, &selection)?;
//! let (requested, unreadable) = needs(&context, &selected);
//! for error in unreadable {
//!     eprintln!("{error}");
//! }
//! let search = FirmwareSearch::system(Path::new("/"), b"6.12.0", kernel_path().as_deref())?;
//! let survey = Survey::new(&requested, &search);
//! let mut image = survey.image(&search).image;
//! copy(&mut image, Path::new("/tmp/image"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod copy;
mod expand;
mod gather;
mod image;
mod inputs;
mod need;
mod prune;
mod search;
mod select;
mod survey;

pub use crate::formats::firmware::Unavailable;
pub use crate::formats::firmware::whence::Whence;
pub use copy::copy;
pub use image::{ImageEntry, ImageTree, Sizes, depmod_inputs, module_place};
pub use inputs::{names_in, names_in_all, needs_of_builtin_in, read_whence, write_all};
pub use need::{Needs, needs, needs_of_builtin, needs_of_files};
pub use prune::{DirectoryFiles, files};
pub use search::{Ambiguity, AmbiguityPolicy, FirmwareSearch, FoundFile, kernel_path};
pub use select::{SelectError, SelectedModules, Selection, devices, select};
pub use survey::{GatheredFiles, MissingFirmware, NeededPath, OwnedFile, PresentFirmware, Survey};

/// The directory of firmware below the root directory of a system or of an image.
pub const FIRMWARE: &str = "/lib/firmware";
