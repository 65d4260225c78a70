# Completion of the module tools for fish. `kmod complete` knows what fits; this hands over the words, and fish takes its
# answer as it is.

function __kmod_tools
    command kmod complete --quoted (string escape -- (commandline -xpc 2>/dev/null; or commandline -opc)) (commandline -ct) 2>/dev/null
end

for tool in kmod modprobe depmod modinfo lsmod insmod rmmod
    complete -c $tool -f -a '(__kmod_tools)'
end
