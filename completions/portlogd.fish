# SPDX-License-Identifier: MIT
# fish completion for portlogd(8)

complete -c portlogd -f
complete -c portlogd -s c -l config -r -F -d 'Read this configuration'
complete -c portlogd -s l -l listen -x -a 'tcp: udp:' -d 'Listen here, without a configuration'
complete -c portlogd -s f -l format -x -a 'text json raw' -d 'Format on standard output'
complete -c portlogd -s o -l output -r -F -d 'Append to this file'
complete -c portlogd -s t -l test -d 'Check the configuration'
complete -c portlogd -s T -l dump -d 'Print the configuration with all defaults'
complete -c portlogd -l keep-low-ports -d 'Have systemd keep the ports below 1024'
complete -c portlogd -s v -l verbose -d 'Debug messages'
complete -c portlogd -s h -l help -d 'Print the help'
complete -c portlogd -s V -l version -d 'Print the version'
