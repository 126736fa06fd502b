/* SPDX-License-Identifier: MIT */
#include "system/ledger.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/diag.h"

/* A mebibyte, of which a page is memory only once it is written to. */
#define ENTRIES 16384
#define SIZE (ENTRIES * sizeof(struct ledger_entry))

/* An entry is at its key's place or one of the next. */
#define PLACES 64

#define OF_A_NAME ((uint64_t)1 << 63)

/* Another layout is another name, so that it is not taken for this one. */
#define NAME "ledger 1"

static int
make(void)
{
	int fd = memfd_create("portlogd ledger", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, SIZE) == 0) {
		fdstore_add(fd, NAME);
		return fd;
	}
	diag(LOG_WARNING, "cannot keep what a kill would cost: %s",
	     strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void
ledger_open(struct ledger *ledger, struct listen_fds *in)
{
	struct stat status;
	void *memory;
	int fd;

	*ledger = (struct ledger){ .lock = PTHREAD_MUTEX_INITIALIZER };
	if (!fdstore_available())
		return;
	fd = listen_fds_take(in, NAME);
	if (fd >= 0 &&
	    (fstat(fd, &status) != 0 || status.st_size != (off_t)SIZE)) {
		fdstore_remove(NAME);
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		fd = make();
	if (fd < 0)
		return;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory != MAP_FAILED)
		ledger->entries = memory;
	close(fd);
}

void
ledger_close(struct ledger *ledger)
{
	if (ledger->entries)
		munmap(ledger->entries, SIZE);
	ledger->entries = NULL;
	pthread_mutex_destroy(&ledger->lock);
}

struct ledger_entry *
ledger_find(struct ledger *ledger, uint64_t key)
{
	struct ledger_entry *found = NULL;

	pthread_mutex_lock(&ledger->lock);
	for (size_t i = 0; ledger->entries && !found && i < PLACES; i++) {
		struct ledger_entry *e = &ledger->entries[(key + i) % ENTRIES];

		if (e->key == key && e->owner != getpid())
			found = e;
	}
	if (found)
		found->owner = getpid();
	pthread_mutex_unlock(&ledger->lock);
	return found;
}

struct ledger_entry *
ledger_claim(struct ledger *ledger, uint64_t key)
{
	struct ledger_entry *claimed = NULL;

	pthread_mutex_lock(&ledger->lock);
	for (size_t i = 0; ledger->entries && i < PLACES; i++) {
		struct ledger_entry *e = &ledger->entries[(key + i) % ENTRIES];

		if (!claimed && e->owner != getpid())
			claimed = e;
		/* One of this key is of an older stream, which had it too. */
		if (e->key == 0 || (e->key == key && e->owner != getpid())) {
			claimed = e;
			break;
		}
	}
	if (claimed)
		*claimed =
			(struct ledger_entry){ .key = key, .owner = getpid() };
	pthread_mutex_unlock(&ledger->lock);
	return claimed;
}

void
ledger_clear(struct ledger *ledger, struct ledger_entry *entry)
{
	pthread_mutex_lock(&ledger->lock);
	*entry = (struct ledger_entry){ 0 };
	pthread_mutex_unlock(&ledger->lock);
}

void
ledger_release(struct ledger *ledger, struct ledger_entry *entry)
{
	pthread_mutex_lock(&ledger->lock);
	entry->owner = 0;
	pthread_mutex_unlock(&ledger->lock);
}

uint64_t
ledger_last_number(const struct ledger *ledger)
{
	uint64_t last = 0;

	for (size_t i = 0; ledger->entries && i < ENTRIES; i++) {
		uint64_t key = ledger->entries[i].key;

		if (key > last && !(key & OF_A_NAME))
			last = key;
	}
	return last;
}

uint64_t
ledger_key(const char *name)
{
	return bytes_hash(name, strlen(name)) | OF_A_NAME;
}
