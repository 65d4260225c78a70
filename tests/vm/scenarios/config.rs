//! modprobe: install and remove commands, blacklists, other configuration files.

use super::{Scenario, same};

/// Our tool runs the install command even if the module has soft dependencies of its own.
const INSTALL_SOFTDEP: &str = "The install command of a module with soft dependencies";
/// Our tool treats a command that is killed by a signal as failed.
const KILLED: &str = "Install commands that a signal ends";
/// Our tool prints a command before it runs it, so the command's output follows.
const FLUSHED: &str = "Steps are announced before they are taken";
/// Only our tool supports the directive.
const FORBID: &str = "Modules can be forbidden";
/// kmod uses only the first line.
const SEVERAL: &str = "Several softdep or weakdep lines for a module";

pub(super) fn all() -> Vec<Scenario> {
    [
        install(),
        install_in_plans(),
        install_environment(),
        remove(),
        blacklist(),
        forbid(),
        forbid_and_more(),
        softdep_lines(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn install() -> Vec<Scenario> {
    vec![
        same(
            "install-true",
            "echo 'install ox_base true' | config; modprobe -v ox_base; loaded",
            &["install true"],
        ),
        same("install-false", "echo 'install ox_base false' | config; modprobe -v ox_base", &["retcode 1"]),
        same(
            "install-code",
            "echo 'install ox_base exit 7' | config; modprobe ox_base; modprobe -q ox_base",
            &["retcode"],
        ),
        same("install-missing", "echo 'install ox_base /nosuch' | config; modprobe ox_base", &["= 1"]),
        same(
            "install-killed",
            "echo 'install ox_base kill -9 $$' | config; modprobe ox_base",
            &["retcode -9"],
        )
        .differs(KILLED, &["code", "stdout", "stderr"], "= 0"),
        same(
            "install-dependency",
            "echo 'install ox_base echo ran >>/tmp/log; /sbin/modprobe -i ox_base' | config; \
             modprobe ox_top; cat /tmp/log",
            &["ran", "ox_top 0"],
        ),
        same(
            "install-dependency-fails",
            "echo 'install ox_base false' | config; modprobe ox_top",
            &["'ox_top'"],
        ),
        same(
            "install-dependency-nothing",
            "echo 'install ox_base true' | config; modprobe ox_top",
            &["Unknown symbol"],
        ),
        same(
            "install-ignored",
            "echo 'install ox_base false' | config; modprobe -i -v ox_base",
            &["ox_base 0"],
        ),
        same(
            "install-ignored-deep",
            "echo 'install ox_base false' | config; modprobe -i -v ox_top",
            &["retcode"],
        ),
    ]
}

fn install_in_plans() -> Vec<Scenario> {
    vec![
        same(
            "install-softdep-fails",
            "printf 'install ox_plain false\\nsoftdep ox_top pre: ox_plain\\n' | config; modprobe -v ox_top",
            &["ox_top 0"],
        ),
        same(
            "install-dry-run",
            "echo 'install ox_base echo $CMDLINE_OPTS' | config; modprobe -nv ox_top",
            &["install"],
        ),
        same(
            "install-all",
            "echo 'install ox_base false' | config; modprobe -a ox_base ox_plain",
            &["retcode 1", "ox_plain 0"],
        ),
        same(
            "install-of-softdep-owner",
            "echo 'install ox_soft false' | config; modprobe ox_soft; loaded",
            &["= 1"],
        )
        .differs(INSTALL_SOFTDEP, &["stdout", "stderr", "modules"], "loaded: ox_firmware"),
        same("install-prints", "echo 'install ox_base echo hello' | config; modprobe -v ox_base", &["hello"])
            .differs(FLUSHED, &["stdout"], "hello\n        install"),
    ]
}

fn install_environment() -> Vec<Scenario> {
    vec![
        same(
            "install-options",
            "printf 'install ox_params /sbin/modprobe -i ox_params $CMDLINE_OPTS number=9\\noptions ox_params mask=3\\n' \
             | config; modprobe ox_params small=2 'text=a b'",
            &["number=9", "small=2", "text=a b"],
        ),
        same(
            "install-variables",
            "echo 'install ox_base echo $MODPROBE_MODULE:$MODPROBE_OPTIONS: >/tmp/log' | config; \
             modprobe ox-base; cat /tmp/log; modprobe -q -v -C /etc/modprobe.d ox-base; cat /tmp/log",
            &["ox_base::", "-q"],
        ),
        same(
            "install-loop",
            "echo 'install ox_base echo ran >>/tmp/log; test $(wc -l </tmp/log) -lt 3 && /sbin/modprobe ox_base' \
             | config; modprobe ox_base; cat /tmp/log; loaded",
            &["ran\n        ran\n        ran"],
        ),
        same(
            "install-opts-twice",
            "echo 'install ox_base echo [$CMDLINE_OPTS] [$CMDLINE_OPTS] >/tmp/log' | config; \
             modprobe ox_base a=1 b=2; cat /tmp/log",
            &["[a=1 b=2] [a=1 b=2]"],
        ),
        same(
            "install-alias",
            "printf 'alias mine ox_base\\ninstall mine false\\n' | config; modprobe -v mine",
            &["ox_base 0"],
        ),
        same("alias-off", "echo 'alias mine off' | config; modprobe mine; modprobe -q mine", &["= 1"]),
        same(
            "alias-two",
            "printf 'alias mine ox_base\\nalias mine ox_plain\\n' | config; modprobe -v mine",
            &["ox_plain"],
        ),
        same(
            "alias-over-name",
            "echo 'alias ox_base ox_plain' | config; modprobe -v ox_base; loaded",
            &["loaded:"],
        ),
        same("alias-chain", "printf 'alias a1 a2\\nalias a2 ox_base\\n' | config; modprobe -v a1", &["= "]),
        same(
            "config-file",
            "echo 'options ox_params number=8' >/tmp/c; modprobe -v -C /tmp/c ox_params",
            &["number=8"],
        ),
        same(
            "config-replaces",
            "echo 'install ox_base false' | config; modprobe -C /nosuch -v ox_base",
            &["ox_base 0"],
        ),
    ]
}

fn remove() -> Vec<Scenario> {
    vec![
        same(
            "remove-command",
            "echo 'remove ox_base echo $MODPROBE_MODULE $CMDLINE_OPTS >/tmp/log; /sbin/modprobe -r -i ox_base' | config; \
             modprobe ox_base; modprobe -r -v ox_base; cat /tmp/log; loaded",
            &["remove", "loaded:"],
        ),
        same(
            "remove-command-fails",
            "echo 'remove ox_base false' | config; modprobe ox_base; modprobe -r ox_base",
            &["Error running remove command for ox_base"],
        ),
        same(
            "remove-command-not-loaded",
            "echo 'remove ox_base touch /tmp/ran' | config; modprobe -rv ox_base; ls /tmp/ran",
            &["ran"],
        ),
        same(
            "remove-command-of-dependency",
            "echo 'remove ox_base false' | config; modprobe ox_mid; modprobe -rv ox_mid",
            &["rmmod ox_mid"],
        ),
        same(
            "remove-command-ignored",
            "echo 'remove ox_base false' | config; modprobe ox_base; modprobe -r -i ox_base",
            &["= 0"],
        ),
        same(
            "remove-command-dry",
            "echo 'remove ox_base echo x' | config; modprobe ox_base; modprobe -rnv ox_base",
            &["remove echo x"],
        ),
    ]
}

fn blacklist() -> Vec<Scenario> {
    vec![
        same("blacklist-name", "echo 'blacklist ox_base' | config; modprobe -v ox_base", &["ox_base 0"]),
        same(
            "blacklist-b",
            "echo 'blacklist ox-base' | config; modprobe -b -v ox_base; loaded",
            &["loaded:"],
        ),
        same(
            "blacklist-alias",
            "echo 'blacklist ox_aliases' | config; modprobe -v ox-dashed-alias; loaded",
            &["loaded:"],
        ),
        same(
            "blacklist-boot",
            "modprobe -v devname:oxmod/control; modprobe -b ox_devname; loaded; modprobe -v ox_devname",
            &["loaded:"],
        ),
        same(
            "blacklist-dependency",
            "echo 'blacklist ox_base' | config; modprobe -b -v ox_top",
            &["ox_base 2"],
        ),
        same(
            "blacklist-softdep",
            "echo 'blacklist ox_base' | config; modprobe -b -v ox_soft",
            &["ox_soft 0"],
        ),
        same(
            "blacklist-first-time",
            "echo 'blacklist ox_base' | config; modprobe -b --first-time ox_base",
            &["= "],
        ),
        same(
            "blacklist-b-all",
            "echo 'blacklist ox_base' | config; modprobe -ab ox_base ox_plain",
            &["ox_plain 0"],
        ),
    ]
}

/// The reference warns about the unknown directive and continues.
fn forbidden(name: &'static str, script: &'static str, shows: &'static [&'static str]) -> Scenario {
    same(name, script, shows).differs(FORBID, &["code", "stdout", "stderr", "modules"], "ignoring bad line")
}

fn forbid() -> Vec<Scenario> {
    let warns = |name, script, shows| {
        same(name, script, shows).differs(FORBID, &["stdout", "stderr", "modules"], "ignoring bad line")
    };
    vec![
        forbidden(
            "forbid-name",
            "echo 'forbid ox-base too old' | config; modprobe -v ox_base",
            &["'ox_base': forbidden by /etc/modprobe.d/a.conf line 1: too old", "= 1"],
        ),
        forbidden(
            "forbid-glob",
            "echo 'forbid ox_b*' | config; modprobe ox_base; modprobe -q ox_base",
            &["= 1"],
        ),
        forbidden(
            "forbid-alias",
            "echo 'forbid ox_aliases' | config; modprobe ox-dashed-alias",
            &["'ox_aliases': forbidden"],
        ),
        same(
            "forbid-dependency",
            "echo 'forbid ox_base' | config; modprobe ox_top",
            &["'ox_top': ox_base is forbidden"],
        )
        .differs(FORBID, &["code", "stdout", "stderr", "modules", "log"], "ignoring bad line"),
        forbidden(
            "forbid-path",
            "echo 'forbid ox_base' | config; modprobe $EXTRA/ox_base.ko",
            &["forbidden by"],
        ),
        forbidden(
            "forbid-over-install",
            "printf 'install ox_base /sbin/modprobe -i ox_base\\nforbid ox_base\\n' | config; modprobe -i ox_base; \
             modprobe ox_base",
            &["= 1"],
        ),
        warns(
            "forbid-softdep",
            "echo 'forbid ox_base broken' | config; modprobe ox_soft; loaded",
            &["WARNING: ignoring soft dependency 'ox_base': forbidden by", "line 1: broken", "= 0"],
        ),
    ]
}

fn forbid_and_more() -> Vec<Scenario> {
    vec![
        forbidden(
            "forbid-all",
            "echo 'forbid ox_base' | config; modprobe -a ox_base ox_plain; [ $code = 0 ]",
            &["ox_plain 0", "= 1"],
        ),
        same(
            "forbid-loaded",
            "modprobe ox_base; echo 'forbid ox_base' | config; modprobe ox_base",
            &["= 0\n        = 0"],
        )
        .differs(FORBID, &["stderr"], "ignoring bad line"),
        same(
            "forbid-ignored",
            "printf 'forbid ox_*\\ninstall ox_base /sbin/modprobe -i ox_base\\n' | config; \
             modprobe --ignore-forbid -v ox_top",
            &["insmod", "ox_top 0", "ox_base 2", "= 0"],
        )
        .differs(FORBID, &["code", "stdout", "stderr", "modules", "log"], "unrecognized option"),
    ]
}

fn softdep_lines() -> Vec<Scenario> {
    vec![
        same(
            "softdep-lines",
            "printf 'softdep ox_base pre: ox_plain\\nsoftdep ox_base pre: ox_params post: ox_firmware\\n' | config; \
             modprobe ox_base; loaded; modprobe -r ox_base; loaded",
            &["loaded: ox_firmware ox_base ox_params ox_plain", "loaded:\n"],
        )
        .differs(SEVERAL, &["stdout"], "loaded: ox_base ox_plain"),
        same(
            "softdep-lines-over-modules",
            "echo 'softdep ox_soft pre: ox_plain' | config z.conf; modprobe ox_soft; loaded",
            &["ox_plain"],
        )
        .differs(SEVERAL, &["stdout", "modules"], ""),
    ]
}
