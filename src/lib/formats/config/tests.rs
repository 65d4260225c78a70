//! Unit tests of the modprobe.d grammar. The compliance suite checks that kmod treats the same lines alike.

use super::*;
use crate::formats::config::Softdeps;
use crate::notice::Notice;
use crate::notice::testing::Recorder;

fn parse(text: &[u8]) -> (Config, Vec<String>) {
    let (notices, sink) = Recorder::new(|notice| match notice {
        Notice::BadConfigLine { line, word, .. } => format!("{line} {word}"),
        Notice::DeprecatedDirective { line, command, .. } => format!("{line} old {command}"),
        other => format!("{other:?}"),
    });
    let mut config = Config::default();
    config.parse(Path::new("/d/a.conf"), text, &sink);
    (config, notices.take())
}

#[test]
fn keys_are_normalised_and_extra_words_dropped() {
    let (config, bad) = parse(b"alias x[-]y q[-]r-s z\nblacklist f-o[a-b]-c x y\n");
    assert!(bad.is_empty());
    assert_eq!(config.aliases[0].pattern, "x[-]y");
    assert_eq!(config.aliases[0].module, "q[-]r_s");
    assert_eq!(config.blacklist[0].module, "f_o[a-b]_c");
    assert_eq!(config.blacklist[0].origin.line, 2);
}

#[test]
fn the_rest_is_verbatim_except_tabs_in_options() {
    let (config, bad) = parse(b"options a\tx\ty\noptions a-b   x  y  \ninstall a\tx\ty\nremove a  \n");
    assert!(bad.is_empty());
    assert_eq!(config.options[0].text, "x y");
    assert_eq!(config.options[1].text, "  x  y  ");
    assert_eq!(config.installs[0].command, "x\ty");
    assert_eq!(config.removes[0].command, " ");
}

#[test]
fn bad_lines() {
    let text = b"blacklist x]\nalias y x[\nalias x\noptions a\noptions a \ninstall [ b\nsoftdep a \n\
        weakdep a\t\nfoo x\\\n y\nInstall x\n # x\nblacklist\ninclude x\nconfig\nblacklist ok\n";
    let (config, bad) = parse(text);
    let expected = [
        "1 blacklist",
        "2 alias",
        "3 alias",
        "4 options",
        "5 options",
        "6 install",
        "7 softdep",
        "8 weakdep",
        "10 foo",
        "11 Install",
        "12 #",
        "13 blacklist",
        "14 old include",
        "15 old config",
    ];
    assert_eq!(bad, expected);
    assert_eq!(config.blacklist[0].module, "ok");
    assert_eq!(config.blacklist.len(), 1);
}

#[test]
fn softdep_lists_are_parsed() {
    let (config, _) = parse(b"softdep a x pre: b-c pre:d post: e\x0bf\r pre: g\nsoftdep a* post: z\n");
    assert_eq!(config.softdeps[0].pre, ["b-c", "pre:d", "g"]);
    assert_eq!(config.softdeps[0].post, ["e", "f"]);
    assert_eq!(config.softdeps_of(b"a").post, ["e", "f", "z"]);
    assert_eq!(config.softdeps_of(b"ab").post, ["z"]);
    assert_eq!(config.softdeps_of(b"b"), Softdeps::default());
}

#[test]
fn dependency_lines_are_merged() {
    let mut config = Config::default();
    let modules = b"softdep a pre: b-c d post: z\nweakdep a d\n";
    config.parse_of(OriginKind::Modules, Path::new("/m/modules.softdep"), modules, &Sink::none());
    config.parse(
        Path::new("/d/n.conf"),
        b"softdep a pre: x y\nsoftdep a pre: b_c x post: y\n",
        &Sink::none(),
    );
    config.parse(Path::new("/d/o.conf"), b"weakdep [ab] e d-e [ [\nweakdep a d_e\n", &Sink::none());
    let softdeps = config.softdeps_of(b"a");
    assert_eq!(softdeps.pre, ["x", "y", "b_c", "d"]);
    assert_eq!(softdeps.post, ["y", "z"]);
    assert_eq!(config.weakdeps_of(b"a"), ["e", "d-e", "[", "d"]);
    assert_eq!(config.weakdeps_of(b"b"), ["e", "d-e", "["]);
}

#[test]
fn forbidden_modules_and_reasons() {
    let (config, bad) = parse(
        b"forbid x-y\nforbid a*  CVE-1,  see\twiki \r\nforbid ab later\nforbid\nforbid [ x\nforbid c  \n",
    );
    assert_eq!(bad, ["4 forbid", "5 forbid"]);
    let found = |module: &[u8]| {
        let entry = config.forbidden(module)?;
        Some((entry.origin.line, entry.reason.as_ref().map(ToString::to_string)))
    };
    assert_eq!(found(b"x_y"), Some((1, None)));
    assert_eq!(found(b"ab"), Some((2, Some("CVE-1,  see\twiki".to_owned()))));
    assert_eq!(found(b"c"), Some((6, None)));
    assert_eq!(found(b"x"), None);
}

#[test]
fn entries_of_a_module_are_found() {
    let (config, _) = parse(
        b"options a x=1\noptions al-ias y=2\noptions b z=3\noptions a w=4\nalias p* a\nalias pq b\n\
        install a* one\ninstall a two\n",
    );
    assert_eq!(config.options_for(b"a", None).unwrap(), "x=1 w=4");
    assert_eq!(config.options_for(b"a", Some(b"al_ias")).unwrap(), "x=1 y=2 w=4");
    assert_eq!(config.options_for(b"c", None), None);
    assert_eq!(config.aliases_of(b"pq").count(), 2);
    assert_eq!(config.install_for(b"a").unwrap().command, "one");
}
