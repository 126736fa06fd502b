/* SPDX-License-Identifier: MIT */
#include "base/journal_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* systemd names the stream by device and inode (systemd.exec(5)). */
bool
journal_stream_is(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[48];
	struct stat status;

	if (!stream || fstat(fd, &status) != 0)
		return false;
	snprintf(ours, sizeof ours, "%llu:%llu",
		 (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	return strcmp(stream, ours) == 0;
}
