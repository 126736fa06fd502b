/* SPDX-License-Identifier: MIT */
/*
 * socket_holder: which process has a socket, as far as this one may see that in
 * /proc.  Any thread; blocks on /proc alone.
 */
#ifndef PORTLOG_BASE_SOCKET_HOLDER_H
#define PORTLOG_BASE_SOCKET_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

/* The size of a program's name, with a NUL. */
#define SOCKET_HOLDER_PROGRAM 16

/* Whether the process has the socket with this inode. */
bool socket_holder_has(pid_t, unsigned long inode);

/*
 * A process that has it and runs this program (NULL: any); 0: none can be seen.
 */
pid_t socket_holder_find(unsigned long inode, const char *program);

/* The program that it runs; "": it cannot be seen. */
void socket_holder_program(pid_t, char program[SOCKET_HOLDER_PROGRAM]);

#endif
