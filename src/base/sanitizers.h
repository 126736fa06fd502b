/* SPDX-License-Identifier: MIT */
/*
 * sanitizers: SANITIZED is 1 where the program was built with one that watches
 * its memory: such a program has wider frames, and reads /proc and runs other
 * programs to say what it has found.  Data alone.
 */
#ifndef PORTLOG_BASE_SANITIZERS_H
#define PORTLOG_BASE_SANITIZERS_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
