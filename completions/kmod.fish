# fish completion for the module tools. `kmod complete` computes the completions; this function passes the words to it,
# and fish uses its output unchanged.

function __kmod_tools
    command kmod complete --quoted (string escape -- (commandline -xpc 2>/dev/null; or commandline -opc)) (commandline -ct) 2>/dev/null
end

for tool in kmod modprobe depmod modinfo lsmod insmod rmmod
    complete -c $tool -f -a '(__kmod_tools)'
end
