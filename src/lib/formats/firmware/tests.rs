//! Unit tests of the readers and writers of this module, against each other and against handwritten texts.

use bstr::{BString, ByteSlice};

use super::whence::{Whence, WhenceFile, WhenceLink};
use super::*;

fn file() -> CatalogueNode {
    CatalogueNode::File { source: "x".into(), size: 1, alternatives: Vec::new() }
}

fn catalogue(files: &[&str], links: &[(&str, &str)]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for path in files {
        catalogue.insert((*path).into(), file());
    }
    for (path, target) in links {
        catalogue.insert((*path).into(), CatalogueNode::Link((*target).into()));
    }
    catalogue
}

/// The resolved path as `link>link=file`, or the reason why it does not resolve.
fn resolved(catalogue: &Catalogue, path: &str) -> String {
    match catalogue.resolve(path.as_bytes()) {
        Ok(resolved) => {
            let links: Vec<String> = resolved.links.iter().map(|(link, _)| link.to_string()).collect();
            format!("{}={}", links.join(">"), resolved.file)
        }
        Err(reason) => format!("{reason:?}"),
    }
}

#[test]
fn links_are_followed() {
    let catalogue = catalogue(
        &["a/b.bin", "c.bin.xz", "deep/er/f"],
        &[
            ("l", "a/b.bin"),
            ("d", "a"),
            ("a/up", "../c.bin.xz"),
            ("d2", "./d//"),
            ("out", "../x"),
            ("abs", "/lib/firmware/a/b.bin"),
            ("loop", "loop"),
            ("p", "q"),
            ("q", "p"),
            ("dead", "nothing"),
            ("a/back", ".."),
            ("through", "a/b.bin/x"),
        ],
    );
    for (path, expected) in [
        ("a/b.bin", "=a/b.bin"),
        ("./a//b.bin", "=a/b.bin"),
        ("l", "l=a/b.bin"),
        ("d/b.bin", "d=a/b.bin"),
        ("d2/b.bin", "d2>d=a/b.bin"),
        ("d2/up", "d2>d>a/up=c.bin.xz"),
        ("a/back/a/back/a/b.bin", "a/back=a/b.bin"),
        ("out", "Leaves(\"out\")"),
        ("abs", "Leaves(\"abs\")"),
        ("../x", "Leaves(\"../x\")"),
        ("a/../../x", "Leaves(\"a/../../x\")"),
        ("loop", "Loop(\"loop\")"),
        ("p", "Loop(\"p\")"),
        ("dead", "Absent"),
        ("a", "Directory(\"a\")"),
        ("d", "Directory(\"a\")"),
        ("l/x", "NoDirectory(\"a/b.bin\")"),
        ("through", "NoDirectory(\"a/b.bin\")"),
        ("deep/e", "Absent"),
        ("", "Directory(\"\")"),
    ] {
        assert_eq!(resolved(&catalogue, path), expected, "{path}");
    }
}

/// The target of a link that leads out is whatever the caller put in its place.
#[test]
fn links_that_lead_out() {
    let links = [
        ("abs", "/x/y"),
        ("d/up", "../../y"),
        ("by", "abs"),
        ("over", "dir/../f"),
        ("dir", "/z"),
        ("no", ".."),
    ];
    let mut catalogue = catalogue(&["f"], &links);
    assert_eq!(catalogue.outward_links(), ["abs", "d/up", "dir", "no"]);
    assert_eq!(resolved(&catalogue, "by"), "Leaves(\"abs\")");
    let chain = |links: &[&str]| links.iter().map(|link| ((*link).into(), "t".into())).collect::<Vec<_>>();
    catalogue.replace_outward("abs".into(), chain(&["abs", "/x/y"]), Some(file()));
    catalogue.replace_outward("d/up".into(), chain(&["d/up"]), Some(CatalogueNode::Link("../f".into())));
    catalogue.replace_outward("dir".into(), chain(&["dir"]), None);
    catalogue.insert("dir/f".into(), file());
    // The parent of that directory is not the parent of the link to it.
    assert_eq!(catalogue.outward_links(), ["no", "over"]);
    for (path, expected) in
        [("by", "by=abs"), ("d/up", "d/up=f"), ("dir/f", "=dir/f"), ("over", "Leaves(\"over\")")]
    {
        assert_eq!(resolved(&catalogue, path), expected, "{path}");
    }
    let outward =
        |path: &str| catalogue.outward(path.as_bytes()).map(|(link, _)| link.to_string()).collect::<Vec<_>>();
    assert_eq!(outward("abs"), ["abs", "/x/y"]);
    assert_eq!((outward("dir/f"), outward("f")), (vec!["dir".to_owned()], Vec::new()));
    assert!(catalogue.leads_out(b"dir") && !catalogue.leads_out(b"dir/f"));
    catalogue.replace_outward("no".into(), Vec::new(), None);
    assert_eq!(resolved(&catalogue, "no"), "Absent");
}

#[test]
fn declared_links_keep_the_suffix() {
    let mut catalogue = catalogue(&["b.bin.xz", "dir/x.bin.zst", "there"], &[("real", "there")]);
    assert_eq!(catalogue.declare_link("a.bin".into(), "b.bin".into()), None);
    assert_eq!(catalogue.declare_link("new/d".into(), "../dir".into()), None);
    assert_eq!(resolved(&catalogue, "a.bin"), "Absent");
    assert_eq!(resolved(&catalogue, "a.bin.xz"), "a.bin.xz=b.bin.xz");
    assert_eq!(resolved(&catalogue, "a.bin.zst"), "Absent");
    assert_eq!(resolved(&catalogue, "new/d/x.bin.zst"), "new/d=dir/x.bin.zst");
    let expanded = catalogue.expand(b"", b"new/*/x*", &mut Steps::default());
    assert_eq!(expanded.unwrap(), ["new/d/x.bin".into()].into());
    // Existing entries take precedence; only a different target is reported.
    assert_eq!(catalogue.declare_link("there".into(), "b.bin".into()), None);
    assert_eq!(catalogue.declare_link("real".into(), "there".into()), None);
    assert_eq!(catalogue.declare_link("real".into(), "b.bin".into()), Some("there".into()));
    assert_eq!(catalogue.declare_link("a.bin".into(), "c.bin".into()), Some("b.bin".into()));
    assert_eq!(resolved(&catalogue, "there"), "=there");
    // A directory is an existing entry too; if the contents are not certain, the declared link wins.
    assert_eq!(catalogue.declare_link("dir".into(), "b".into()), None);
    assert_eq!(resolved(&catalogue, "dir/x.bin.zst"), "=dir/x.bin.zst");
    assert_eq!(catalogue.declare_link("b.bin.xz".into(), "dir/x.bin.zst".into()), None);
    assert_eq!(resolved(&catalogue, "b.bin.xz"), "=b.bin.xz");
    assert_eq!(catalogue.resolve_declared_first(b"b.bin.xz").unwrap().file, "dir/x.bin.zst");
}

#[test]
fn patterns_are_expanded() {
    let catalogue = catalogue(
        &[
            "s/a-sdio.x.bin",
            "s/a-sdio.y.bin.xz",
            "s/.a-sdio.bin",
            "s/t/a-sdio.z.bin",
            "u/v/w",
            "s0",
            "s/b[1]",
        ],
        &[("k", "s"), ("self", ".")],
    );
    let expand = |start: &str, pattern: &str| {
        let found = catalogue.expand(start.as_bytes(), pattern.as_bytes(), &mut Steps::default()).unwrap();
        bstr::join(" ", found).to_str().unwrap().to_owned()
    };
    assert_eq!(expand("", "s/a*-sdio.*.bin"), "s/a-sdio.x.bin s/a-sdio.y.bin");
    assert_eq!(expand("s", "a*-sdio.*.bin"), "a-sdio.x.bin a-sdio.y.bin");
    assert_eq!(expand("", "k/a*[x-z].bin"), "k/a-sdio.x.bin k/a-sdio.y.bin");
    assert_eq!(expand("", "s/.a*"), "s/.a-sdio.bin");
    assert_eq!(expand("", "?/*/[w-z]"), "u/v/w");
    assert_eq!(expand("", "x/*"), "");
    assert_eq!(expand("", "[!k-t]*/v/*"), "u/v/w");
    let deep = ["*"; 40].join("/");
    let found = catalogue.expand(b"", deep.as_bytes(), &mut Steps::default());
    assert_eq!(found.map(|found| found.len()), Ok(17));
}

#[test]
fn the_number_of_matches_is_limited() {
    let names: Vec<String> = (0..50).map(|n| format!("l{n}")).collect();
    let links: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), ".")).collect();
    let catalogue = catalogue(&["f"], &links);
    let mut steps = Steps::default();
    assert_eq!(catalogue.expand(b"", b"*/f", &mut steps).map(|found| found.len()), Ok(51));
    assert_eq!(catalogue.expand(b"", b"*/*/*/*/f", &mut steps), Err(Unavailable::TooMany));
    // The limit is for all patterns together.
    assert_eq!(catalogue.expand(b"", b"*/f", &mut steps), Err(Unavailable::TooMany));
}

#[test]
fn names_are_tidied_and_matched() {
    assert_eq!(name::tidy(b"/a//./b/"), Some("a/b".into()));
    for bad in [&b""[..], b"/", b".", b"..", b"a/../b", b"a\0b", &[b'a'; 4096]] {
        assert_eq!(name::tidy(bad), None);
    }
    assert_eq!(name::plain(b"a/b.bin.zst"), (&b"a/b.bin"[..], ".zst"));
    for whole in [&b"a/.xz"[..], b"..xz", b"a/...zst", b".xz", b"a.gz"] {
        assert_eq!(name::plain(whole), (whole, ""));
    }
    assert!(name::matches(b"a/*.bin", b"a/b.bin") && !name::matches(b"a*bin", b"a/b.bin"));
    assert!(name::matches(b"a\\b/*", b"a\\b/c") && name::matches(b"\\**", b"*a"));
    assert!(!name::matches(b"a/*", b"a/.hidden") && !name::matches(b"a/*", b"a"));
}

const SAMPLE: &str = "\
 **********\n * WHENCE *\n **********\n\nThis file attempts to document: licences.\n\n\
-----------------------------------\n\nDriver: some-drv, other -- Text - more\nDriver: third\n\n\
File: a/b.bin\nVersion: 1 - 2\nRawFile: \"a/with blank.bin\"\nRaw: c.bin\n\
Link: l.bin -> a/b.bin\nLink: \"l 2\"->a/with\\ blank.bin\nLink:\tdir\t->\ta  \n\nLicence: Redistributable.\n\n\
---\nDriver: last - x\nFile: a\\ b\r\nInfo: File: no\nLink: broken\nLink: x -> \nFile:\nLink: \"x -> y\nLink: a -> b -> c\n";

#[test]
fn whence_is_parsed() {
    let whence = Whence::parse(SAMPLE.as_bytes());
    let file = |name: &str, raw, section| WhenceFile { name: name.into(), raw, section };
    assert_eq!(
        whence.files,
        [
            file("a/b.bin", false, 1),
            file("a/with blank.bin", true, 1),
            file("c.bin", true, 1),
            file("a b", false, 2)
        ]
    );
    let link = |name: &str, target: &str| WhenceLink { name: name.into(), target: target.into(), section: 1 };
    assert_eq!(whence.links, [link("l.bin", "a/b.bin"), link("l 2", "a/with blank.bin"), link("dir", "a")]);
    let bad: Vec<&str> =
        SAMPLE.lines().zip(1..).filter(|(_, n)| whence.bad_lines.contains(n)).map(|(line, _)| line).collect();
    assert_eq!(bad, ["Link: broken", "Link: x -> ", "File:", "Link: \"x -> y", "Link: a -> b -> c"]);
    let drivers =
        |name: &str| whence.drivers_of(name.as_bytes()).into_iter().cloned().collect::<Vec<BString>>();
    assert_eq!(drivers("l.bin"), ["some-drv", "other", "third"]);
    assert_eq!(drivers("a b"), ["last"]);
    assert!(drivers("nothing").is_empty());
}

#[test]
fn prototext_strings_are_quoted() {
    let mut spec = fsspec::FsSpec::default();
    spec.file(b"/a\"b\\c\n\x011", "/\u{e9}".as_bytes(), 0o444).unwrap();
    spec.link(b"/l", b"a").unwrap();
    assert!(spec.file(b"/\xff", b"/x", 0).is_err());
    let expected = "file {\n  path: \"/a\\\"b\\\\c\\n\\0011\"\n  source_path: \"/\u{e9}\"\n  mode: 292\n}\n\
        symbolic_link {\n  path: \"/l\"\n  target_path: \"a\"\n}\n";
    assert_eq!(spec.into_bytes().as_bstr(), expected);
}

#[test]
fn cpio_lists_have_every_directory_once() {
    let mut list = cpio::CpioList::default();
    list.file(b"/lib/firmware/a", b"/src/a", 0o644).unwrap();
    list.link(b"/lib/firmware/d/b", b"../a").unwrap();
    for (path, source) in [("/a b", "/x"), ("/a", "/x y"), ("/a", "/${HOME}/x"), ("/a", "")] {
        assert!(list.file(path.as_bytes(), source.as_bytes(), 0).is_err(), "{path} {source}");
    }
    let expected = "dir /lib 755 0 0\ndir /lib/firmware 755 0 0\nfile /lib/firmware/a /src/a 644 0 0\n\
        dir /lib/firmware/d 755 0 0\nslink /lib/firmware/d/b ../a 777 0 0\n";
    assert_eq!(list.into_bytes().as_bstr(), expected);
}
