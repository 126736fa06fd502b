/* SPDX-License-Identifier: MIT */
#include "config/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* More than a configuration needs.  /dev/zero must not be read for ever. */
#define FILE_BYTES 1048576

char *
config_file_read(const char *path, size_t *size)
{
	char *text = memory_zeroed(1, FILE_BYTES + 2);
	FILE *file = fopen(path, "re");
	int error = 0;

	*size = 0;
	if (file) {
		*size = fread(text, 1, FILE_BYTES + 1, file);
		if (ferror(file))
			error = errno;
		else if (*size > FILE_BYTES)
			error = EFBIG;
		fclose(file);
	} else {
		error = errno;
	}
	if (error == 0)
		return text;
	free(text);
	errno = error;
	return NULL;
}
