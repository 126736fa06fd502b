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
complete -c portlog -n __fish_use_subcommand -a tail -d 'The last lines of a log, and what comes'

set -l tail '__fish_seen_subcommand_from tail'
complete -c portlog -n $tail -s f -d 'Print what is written from now on, too'
complete -c portlog -n $tail -s i -d 'Ignore case'
complete -c portlog -n $tail -s N -d 'Notes alone'
complete -c portlog -n $tail -s n -x -d 'The last lines'
complete -c portlog -n $tail -s S -x -d 'Since'
complete -c portlog -n $tail -s U -x -d 'Until'
complete -c portlog -n $tail -s m -x -d 'End after so many'
complete -c portlog -n $tail -s l -x -d 'Of this listener'
complete -c portlog -n $tail -s L -x -d 'Not of this listener'
complete -c portlog -n $tail -s p -x -d 'Of this peer'
complete -c portlog -n $tail -s P -x -d 'Not of this peer'
complete -c portlog -n $tail -s t -x -d 'With these tags'
complete -c portlog -n $tail -s T -x -d 'Not with these tags'
complete -c portlog -n $tail -s g -x -d 'Whose data matches'
complete -c portlog -n $tail -s G -x -d 'Whose data does not match'
complete -c portlog -n $tail -s H -x -d 'Mark what matches'
complete -c portlog -n $tail -s o -x -a 'line data json' -d 'Form'
complete -c portlog -n $tail -s c -r -d 'The configuration'
complete -c portlog -n $tail -l local -d 'Times of the zone of this host'
complete -c portlog -n $tail -l color -x -a 'auto always never' -d 'Colours'
complete -c portlog -n $tail -F
