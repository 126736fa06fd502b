# SPDX-License-Identifier: MIT
# fish completion for portlog(1)

complete -c portlog -f
complete -c portlog -s h -l help -d 'Print the help'
complete -c portlog -n __fish_use_subcommand -s V -l version -d 'Print the version'
complete -c portlog -n __fish_use_subcommand -a send -d 'Lines of standard input to a port'
complete -c portlog -n __fish_use_subcommand -a decode -d 'A log back to the bytes that were sent'
complete -c portlog -n __fish_use_subcommand -a replay -d 'The records of a log to a port'

set -l send '__fish_seen_subcommand_from send'
complete -c portlog -n $send -s u -d 'UDP, a datagram a line'
complete -c portlog -n $send -s n -d 'Do not wait for the receipt'
complete -c portlog -n $send -s w -x -d 'Wait no longer than these seconds'
complete -c portlog -n $send -a '(__fish_print_hostnames)'

set -l decode '__fish_seen_subcommand_from decode'
complete -c portlog -n $decode -s 0 -d 'A NUL after each record'
complete -c portlog -n $decode -s j -d 'Text lines, without pieces'
complete -c portlog -n $decode -s r -d 'Nothing after a record'
complete -c portlog -n $decode -s p -x -d 'Only of this peer'
complete -c portlog -n $decode -s l -x -d 'Only of this listener'
complete -c portlog -n $decode -F

set -l replay '__fish_seen_subcommand_from replay'
complete -c portlog -n $replay -s u -d 'UDP, a datagram a record'
complete -c portlog -n $replay -s s -x -d 'So many times as fast'
complete -c portlog -n $replay -s f -x -a 'line lf nul octet-counted none' -d 'How records are told apart'
complete -c portlog -n $replay -s g -l max-gap -x -d 'Wait no longer between two records'
complete -c portlog -n $replay -F -a '(__fish_print_hostnames)'
