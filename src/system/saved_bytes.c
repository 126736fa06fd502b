/* SPDX-License-Identifier: MIT */
#include "system/saved_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "system/fdstore.h"

void
saved_bytes_open(struct saved_bytes *bytes, uint64_t generation)
{
	char name[FDSTORE_NAME];

	*bytes = (struct saved_bytes){ .generation = generation };
	bytes->fd = memfd_create("portlogd bytes", MFD_CLOEXEC);
	if (bytes->fd < 0) {
		diag(LOG_ERR, "cannot keep unfinished records: %s",
		     strerror(errno));
		return;
	}
	fdstore_numbered_name(name, FDSTORE_BYTES, generation);
	fdstore_add(bytes->fd, name);
}

void
saved_bytes_discard(struct saved_bytes *bytes)
{
	char name[FDSTORE_NAME];

	if (bytes->fd < 0)
		return;
	fdstore_numbered_name(name, FDSTORE_BYTES, bytes->generation);
	fdstore_remove(name);
	close(bytes->fd);
	bytes->fd = -1;
}

bool
saved_bytes_add(struct saved_bytes *bytes, const void *data, size_t size,
		uint64_t *at)
{
	const char *next = data;

	*at = atomic_fetch_add(&bytes->size, size);
	for (uint64_t to = *at; size > 0;) {
		ssize_t count = pwrite(bytes->fd, next, size, (off_t)to);

		if (count <= 0)
			return false;
		next += count;
		to += (uint64_t)count;
		size -= (size_t)count;
	}
	return true;
}

unsigned char *
saved_bytes_read(int fd, uint64_t at, uint64_t size)
{
	struct stat status;
	unsigned char *copy;

	if (fstat(fd, &status) != 0 || at > (uint64_t)status.st_size ||
	    size > (uint64_t)status.st_size - at)
		return NULL;
	copy = malloc(size + 1);
	if (copy && pread(fd, copy, size, (off_t)at) == (ssize_t)size)
		return copy;
	free(copy);
	return NULL;
}
