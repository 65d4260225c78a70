//! Reading the modules: the symbols that each exports and needs, and its strings.
//!
//! The modules are read on all processors, since decompression is nearly all of depmod's work. The results
//! are in the order of the list, so scheduling does not affect the output. A file that has not changed
//! since the previous run is not read again. Both ways lead to the same records, which all later stages
//! use.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::context::cache::identity;
use crate::context::module_file::Opener;
use crate::error::{Cause, Error, FormatKind};
use crate::formats::cache::{self, Cache, FileIdentity, Record, RecordContents, RecordSymbol};
use crate::formats::elf::{Binding, ElfModule, LINK_SECTIONS, ModuleSymbols};
use crate::formats::modinfo;
use crate::notice::{DepmodNotice, Sink};
use crate::ops::info;
use crate::sys::{host, parallel};

use super::notify;
use super::scan::FoundModule;

/// The record of one module.
#[derive(Debug, Default)]
pub(super) struct KnownModule<'o> {
    /// Its record.
    pub(super) record: Cow<'o, [u8]>,
    /// Whether the record may be written to the cache.
    pub(super) cacheable: bool,
    /// The first error while reading the file, if something could not be read.
    pub(super) error: Option<Error>,
}

/// A module with its record and strings.
pub(super) struct ReadModule<'a> {
    pub(super) name: &'a [u8],
    pub(super) path: &'a Path,
    pub(super) record: Record<'a>,
    /// The raw values of `alias=`, in order.
    pub(super) aliases: Vec<&'a [u8]>,
    /// The raw values of `softdep=`, in order.
    pub(super) softdeps: Vec<&'a [u8]>,
    /// The raw values of `weakdep=`, in order.
    pub(super) weakdeps: Vec<&'a [u8]>,
}

/// Returns the path relative to the module directory; the whole path of a module elsewhere.
pub(super) fn short_path<'p>(dir: &Path, path: &'p Path) -> &'p [u8] {
    let path = path.as_os_str().as_encoded_bytes();
    let below = path.strip_prefix(dir.as_os_str().as_encoded_bytes());
    below.and_then(|path| path.strip_prefix(b"/")).unwrap_or(path)
}

/// A module whose record is taken from the cache or read from the file.
struct Task<'o, 'f> {
    file: &'f FoundModule,
    identity: Option<FileIdentity>,
    /// See [`is_settled`].
    settled: bool,
    /// The record in the cache, if it is up to date.
    cached: Option<Cow<'o, [u8]>>,
}

/// Returns the records of all modules in `files`, in the same order, with paths relative to `dir`.
///
/// The largest files are read first, so that at the end no thread is left alone with a large one. A file that is larger
/// than a thread's share of the work is read by several threads.
pub(super) fn all<'o>(
    dir: &Path,
    files: &[&FoundModule],
    cache: Option<&'o Cache<&'o [u8]>>,
    sink: &Sink,
) -> Vec<KnownModule<'o>> {
    let processors = host::processors();
    let now = host::now();
    let tasks = parallel::map(processors, files, || (), |(), file| Task::new(dir, file, cache, now));
    let size = |task: &Task<'_, '_>| task.identity.map_or(0, |identity| identity.size);
    let mut unread: Vec<usize> = (0..tasks.len()).filter(|&at| tasks[at].cached.is_none()).collect();
    unread.sort_by_key(|&at| Reverse(size(&tasks[at])));
    let total: u64 = unread.iter().map(|&at| size(&tasks[at])).sum();
    let done = AtomicU64::new(0);
    let read = parallel::map(processors, &unread, Opener::default, |opener, &at| {
        let size = size(&tasks[at]);
        opener.use_threads(threads_for(size, total, processors));
        let known = tasks[at].read(dir, opener);
        let done = done.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        notify(sink, DepmodNotice::Progress { done, total });
        known
    });
    let mut known: Vec<KnownModule<'o>> = tasks
        .into_iter()
        .map(|task| KnownModule { record: task.cached.unwrap_or_default(), cacheable: true, error: None })
        .collect();
    for (at, read) in unread.into_iter().zip(read) {
        known[at] = read;
    }
    known
}

/// Returns the number of threads for a file of `size` bytes when `total` bytes have to be read.
fn threads_for(size: u64, total: u64, processors: usize) -> usize {
    let share = u128::from(size) * processors as u128;
    usize::try_from(share.div_ceil(u128::from(total.max(1)))).unwrap_or(processors).clamp(1, processors)
}

impl<'o, 'f> Task<'o, 'f> {
    fn new(dir: &Path, file: &'f FoundModule, cache: Option<&'o Cache<&'o [u8]>>, now: (i64, u32)) -> Self {
        let identity = identity(&file.path);
        let record = cache.and_then(|cache| cache.find(short_path(dir, &file.path)));
        let same = |bytes: &[u8]| Record::view(bytes).map(|record| record.identity()) == identity;
        let cached = record.filter(|record| identity.is_some() && same(record)).map(Cow::Borrowed);
        Self { file, identity, settled: identity.is_some_and(|identity| is_settled(&identity, now)), cached }
    }

    /// Reads the file. Its identity was determined before that, so if the file changes in the meantime, the next run
    /// finds another identity and reads it again.
    fn read(&self, dir: &Path, opener: &mut Opener) -> KnownModule<'o> {
        let mut read = Read::default();
        let error = read.file(&self.file.path, opener).err().map(Error::at(&self.file.path));
        let path = short_path(dir, &self.file.path);
        let cacheable = self.settled && error.is_none();
        match read.record(path, self.identity) {
            Ok(record) => KnownModule {
                cacheable: cacheable && record.len() <= MAX_CACHED,
                record: record.into(),
                error,
            },
            Err(error) => {
                KnownModule { error: Some(Error::new(&self.file.path, error)), ..KnownModule::default() }
            }
        }
    }
}

/// The size limit in bytes for cached records; real ones have up to 300 KB.
const MAX_CACHED: usize = 16 << 20;

/// For how many nanoseconds after a change a file may change again without a new timestamp. File systems update their
/// clock every few milliseconds.
const TICK: i64 = 50_000_000;
/// The same for file systems that do not store fractions of seconds; some store even seconds only.
const COARSE_TICK: i64 = 3_000_000_000;

/// Whether every change of the file from `now` on would be visible in its timestamps.
///
/// If both timestamps are the same whole second, the file system most likely does not maintain them: images of file
/// systems are often built with identical timestamps, and a later image has other contents with the same timestamps.
fn is_settled(identity: &FileIdentity, now: (i64, u32)) -> bool {
    let nanoseconds = |(seconds, fraction): (i64, u32)| {
        seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(fraction))
    };
    let whole = identity.changed.1 == 0;
    let tick = if whole { COARSE_TICK } else { TICK };
    let is_maintained = !whole || identity.modified != identity.changed;
    is_maintained && nanoseconds(identity.changed).saturating_add(tick) < nanoseconds(now)
}

/// The data that is read from a file.
#[derive(Default)]
struct Read {
    links: ModuleSymbols,
    modinfo: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    build_id: Option<Vec<u8>>,
}

impl Read {
    /// Reads as much as possible. Symbols and strings are independent: if one is damaged, the other may be
    /// intact.
    fn file(&mut self, path: &Path, opener: &mut Opener) -> Result<(), Cause> {
        let file = opener.open(path).map_err(|error| error.cause)?;
        let module = ElfModule::parse(file.source())?;
        module.announce(&[&[".modinfo"][..], &LINK_SECTIONS].concat());
        let links = module.links();
        match module.modinfo() {
            Ok(section) => self.modinfo = Some(section.to_vec()),
            // A module without strings is unusual but valid.
            Err(Cause::Format(error)) if error.kind == FormatKind::Absent => {}
            Err(error) => return Err(error),
        }
        self.links = links?;
        self.build_id = module.build_id()?;
        self.signature = info::signature_bytes(file.source())?.map(<[u8]>::to_vec);
        self.links.damage().map_or(Ok(()), |damage| Err(damage.clone().into()))
    }

    fn record(
        &self,
        path: &[u8],
        identity: Option<FileIdentity>,
    ) -> Result<Vec<u8>, crate::error::FormatError> {
        let contents = RecordContents {
            path,
            identity: identity.unwrap_or_default(),
            modinfo: self.modinfo.as_deref(),
            signature: self.signature.as_deref(),
            build_id: self.build_id.as_deref().unwrap_or_default(),
        };
        let exports = self.links.exports().map(|export| RecordSymbol {
            name: export.name,
            crc: Some(export.crc),
            bind: b'E',
        });
        let needs = self.links.needs().map(|need| RecordSymbol {
            name: need.name,
            crc: need.crc,
            bind: letter(need.bind),
        });
        cache::encode(&contents, exports, needs)
    }
}

/// Returns the letter for a binding in a record.
fn letter(bind: Binding) -> u8 {
    match bind {
        Binding::Local => b'L',
        Binding::Global => b'G',
        Binding::Weak => WEAK,
        Binding::Unknown => b'U',
    }
}

/// The letter of a weak symbol, which may be missing.
pub(super) const WEAK: u8 = b'W';

impl<'a> ReadModule<'a> {
    /// Extracts the strings of a module from its record.
    pub(super) fn new(file: &'a FoundModule, known: &'a KnownModule<'_>) -> Self {
        let record = Record::view(&known.record).unwrap_or_default();
        let mut module = Self {
            name: &file.name,
            path: &file.path,
            record,
            aliases: Vec::new(),
            softdeps: Vec::new(),
            weakdeps: Vec::new(),
        };
        for info in modinfo::strings(record.modinfo().unwrap_or_default()) {
            match info.key {
                b"alias" => module.aliases.push(info.value),
                b"softdep" => module.softdeps.push(info.value),
                b"weakdep" => module.weakdeps.push(info.value),
                _ => {}
            }
        }
        module
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_just_now_is_not_settled() {
        let identity = |modified, changed| FileIdentity { size: 1, inode: 1, modified, changed };
        let now = (1000, 500_000_000);
        for (modified, changed, settled) in [
            ((900, 1), (900, 1), true),
            ((900, 0), (900, 1), true),
            ((900, 0), (900, 0), false),
            ((800, 0), (900, 0), true),
            ((900, 1), (1000, 400_000_000), true),
            ((900, 1), (1000, 460_000_000), false),
            ((900, 1), (1000, 500_000_000), false),
            ((900, 1), (2000, 1), false),
            ((900, 1), (998, 0), false),
            ((900, 1), (997, 0), true),
            ((900, 1), (i64::MAX, 0), false),
            ((900, 1), (i64::MIN, 1), true),
        ] {
            assert_eq!(is_settled(&identity(modified, changed), now), settled, "{modified:?} {changed:?}");
        }
    }

    #[test]
    fn threads_are_proportional_to_the_size() {
        assert_eq!(threads_for(10, 1000, 2), 1);
        assert_eq!(threads_for(1000, 1000, 8), 8);
        assert_eq!(threads_for(300, 1000, 8), 3);
        assert_eq!(threads_for(0, 0, 4), 1);
    }
}
