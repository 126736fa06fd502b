/* SPDX-License-Identifier: MIT */
#include "client/top_screen.h"

#include "base/diag.h"

#ifdef HAVE_NCURSES

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/table.h"

#define ESCAPE 27

static const char *const sort_names[] = { "rate", "bytes", "since", "idle" };

static const char *const help[] = {
	"s        sort peers by rate, bytes, since, idle",
	"/        show peers and listeners with a text; Enter ends it",
	"arrows, Page Up, Page Down: more peers",
	"Ctrl-L   draw anew",
	"h        this help",
	"q        quit",
};

/* Where the next line of text goes. */
struct place {
	int line;
	int left; /* lines */
};

bool
top_screen_exists(void)
{
	return true;
}

bool
top_screen_open(void)
{
	setlocale(LC_CTYPE, "");
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) ||
	    !newterm(NULL, stdout, stdin)) {
		diag(LOG_ERR, "this is no terminal that top could draw on: "
			      "use portlog status -w 2");
		return false;
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	return true;
}

void
top_screen_close(void)
{
	endwin();
}

static void
next_line(struct place *at)
{
	at->line++;
	at->left--;
}

/* Put a line of text, as much of it as fits. */
static void __attribute__((format(printf, 2, 3)))
put(const struct place *at, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	mvaddnstr(at->line, 0, text, COLS);
}

static void
put_heading(struct place *at, const char *text)
{
	if (at->left <= 0)
		return;
	attron(A_REVERSE);
	put(at, "%-*s", COLS, text);
	attroff(A_REVERSE);
	next_line(at);
}

static void
format_rate(char out[TABLE_NUMBER], double rate)
{
	if (rate < 0)
		snprintf(out, TABLE_NUMBER, "-");
	else if (rate > 0 && rate < 10)
		snprintf(out, TABLE_NUMBER, "%.1f", rate);
	else
		table_format_count(out, rate);
}

static void
put_history(const struct top_row *row)
{
	bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int room = COLS - getcurx(stdscr) - 1;
	char bars[SPARKLINE_TEXT];

	if (room <= 0)
		return;
	sparkline_put(&row->history, (size_t)room, is_utf8, bars);
	addstr(bars);
}

/* What listeners and outputs have in common. */
static void
put_row(struct place *at, const struct top_row *row, const char *load,
	const char *number)
{
	char records[TABLE_NUMBER], bytes[TABLE_NUMBER], waiting[TABLE_NUMBER];

	format_rate(records, row->record_rate);
	format_rate(bytes, row->byte_rate);
	table_format_count(waiting, row->waiting);
	put(at, "%-22.22s %-12.12s %6s %6s %6s %7s  ", row->name,
	    *row->trouble ? row->trouble : load, records, bytes, number,
	    waiting);
	put_history(row);
	next_line(at);
}

static void
put_listeners(struct place *at, const struct top_rows *rows)
{
	put_heading(at,
		    "LISTENER               LOAD          REC/s    B/s   LOST"
		    " WAITING  LAST MINUTE");
	for (size_t i = 0; i < rows->count && at->left > 0; i++) {
		const struct top_row *row = &rows->list[i];
		char lost[TABLE_NUMBER];

		table_format_count(lost, row->lost);
		attrset(row->lost > 0 || *row->trouble ? A_BOLD : A_NORMAL);
		put_row(at, row, row->load, lost);
	}
	attrset(A_NORMAL);
}

static void
put_outputs(struct place *at, const struct top_rows *rows)
{
	put_heading(at,
		    "OUTPUT                 STATE         REC/s    B/s  WRITE"
		    " WAITING  LAST MINUTE");
	for (size_t i = 0; i < rows->count && at->left > 0; i++) {
		const struct top_row *row = &rows->list[i];
		char written[TABLE_NUMBER] = "-";

		if (row->idle_seconds >= 0)
			table_format_seconds(written, row->idle_seconds);
		attrset(*row->trouble ? A_BOLD : A_NORMAL);
		put_row(at, row, "ok", written);
	}
	attrset(A_NORMAL);
}

static double
value_of(const struct top_row *row, enum top_sort sort)
{
	const double values[TOP_SORTS] = {
		[TOP_RATE] = row->byte_rate,
		[TOP_BYTES] = row->bytes,
		[TOP_SINCE] = row->seconds,
		[TOP_IDLE] = row->idle_seconds,
	};

	return values[sort];
}

/* The largest first, and equals where they were. */
static int
compare(const void *left, const void *right, void *sort)
{
	const struct top_row *const *a = left, *const *b = right;
	double x = value_of(*a, *(const enum top_sort *)sort);
	double y = value_of(*b, *(const enum top_sort *)sort);

	return x != y ? (x < y) - (x > y) : (*a > *b) - (*a < *b);
}

static bool
is_shown(const struct top_screen *screen, const struct top_row *row)
{
	return strstr(row->name, screen->filter) ||
	       strstr(row->listener, screen->filter);
}

static void
put_peer(struct place *at, const struct top_row *row)
{
	char since[TABLE_NUMBER], idle[TABLE_NUMBER], records[TABLE_NUMBER];
	char rate[TABLE_NUMBER], bytes[TABLE_NUMBER], unread[TABLE_NUMBER];

	table_format_seconds(since, row->seconds);
	table_format_seconds(idle, row->idle_seconds);
	format_rate(records, row->record_rate);
	format_rate(rate, row->byte_rate);
	table_format_count(bytes, row->bytes);
	table_format_count(unread, row->waiting);
	put(at, "%-22.22s %-12.12s %6s %6s %6s %6s %6s %6s", row->name,
	    row->listener, records, rate, bytes, unread, since, idle);
	next_line(at);
}

static void
put_peers(struct place *at, const struct top_screen *screen,
	  const struct top_rows *rows)
{
	struct top_row **shown = calloc(rows->count + 1, sizeof(void *));
	enum top_sort sort = screen->sort;
	size_t count = 0;

	put_heading(at,
		    "PEER                   LISTENER      REC/s    B/s  BYTES"
		    " UNREAD  SINCE   IDLE");
	for (size_t i = 0; shown && i < rows->count; i++)
		if (is_shown(screen, &rows->list[i]))
			shown[count++] = &rows->list[i];
	if (shown)
		qsort_r(shown, count, sizeof(void *), compare, &sort);
	for (size_t i = screen->first; i < count && at->left > 0; i++)
		put_peer(at, shown[i]);
	free(shown);
}

static void
put_foot(const struct top_screen *screen, const char *error)
{
	const struct place foot = { .line = LINES - 1 };

	attron(A_REVERSE);
	put(&foot, "%*s", COLS, "");
	if (error)
		put(&foot, "%s", error);
	else
		put(&foot, "by %s   filter: %s%s   h help  q quit",
		    sort_names[screen->sort],
		    *screen->filter || screen->is_typing ? screen->filter
							 : "none",
		    screen->is_typing ? "_" : "");
	attroff(A_REVERSE);
}

static void
put_help(void)
{
	int count = (int)(sizeof help / sizeof *help);

	for (int i = 0; i < count && i + 2 < LINES; i++)
		put(&(struct place){ .line = i + 2 }, "  %s", help[i]);
}

void
top_screen_draw(const struct top_screen *screen, struct top *top,
		const char *error)
{
	struct place at = { .line = 0, .left = LINES - 1 };

	erase();
	put(&at, "%s", top->title);
	next_line(&at);
	if (screen->has_help) {
		put_help();
	} else {
		put_listeners(&at, &top->listeners);
		put_outputs(&at, &top->outputs);
		put_peers(&at, screen, &top->peers);
	}
	put_foot(screen, error);
	refresh();
}

/* A key of the text that is typed. */
static void
type(struct top_screen *screen, int key)
{
	size_t size = strlen(screen->filter);

	if (key == '\n' || key == KEY_ENTER)
		screen->is_typing = false;
	else if (key == ESCAPE)
		*screen = (struct top_screen){ .sort = screen->sort };
	else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') &&
		 size > 0)
		screen->filter[size - 1] = '\0';
	else if (key >= ' ' && key <= '~' && size + 1 < sizeof screen->filter)
		screen->filter[size] = (char)key;
}

static void
move_by(struct top_screen *screen, long lines)
{
	if (lines < 0 && screen->first < (size_t)-lines)
		screen->first = 0;
	else
		screen->first += (size_t)lines;
}

static void
obey(struct top_screen *screen, int key)
{
	switch (key) {
	case 'q':
		screen->has_ended = true;
		break;
	case 'h':
	case '?':
		screen->has_help = !screen->has_help;
		break;
	case 's':
		screen->sort = (screen->sort + 1) % TOP_SORTS;
		break;
	case '/':
		memset(screen->filter, 0, sizeof screen->filter);
		screen->is_typing = true;
		screen->first = 0;
		break;
	case KEY_DOWN:
		move_by(screen, 1);
		break;
	case KEY_UP:
		move_by(screen, -1);
		break;
	case KEY_NPAGE:
		move_by(screen, LINES / 2);
		break;
	case KEY_PPAGE:
		move_by(screen, -(LINES / 2));
		break;
	case 'L' - '@':
		clear();
		break;
	}
}

bool
top_screen_key(struct top_screen *screen, int timeout_ms)
{
	int key;

	timeout(timeout_ms);
	key = getch();
	if (key == ERR)
		return false;
	if (screen->is_typing)
		type(screen, key);
	else
		obey(screen, key);
	return true;
}

#else

bool
top_screen_exists(void)
{
	return false;
}

bool
top_screen_open(void)
{
	return false;
}

void
top_screen_close(void)
{
}

void
top_screen_draw(const struct top_screen *screen, struct top *top,
		const char *error)
{
	(void)screen, (void)top, (void)error;
}

bool
top_screen_key(struct top_screen *screen, int timeout_ms)
{
	(void)screen, (void)timeout_ms;
	return false;
}

#endif
