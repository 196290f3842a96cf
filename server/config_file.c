/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration file, by libinih.
 *
 * libinih tells its handler no line numbers, so we hand it the lines ourselves
 * and count. It would take an overlong line for two; we see that first. And a
 * line that begins with a space for the continuation of the one before it,
 * which nothing here needs: such spaces are taken away.
 */
#include "server/config.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "core/base/err.h"

struct reading {
    struct tn_config *config;
    struct tn_problem *problem;
    const char *path;
    FILE *file;
    int line;
    int err;                          /* the first one */
    unsigned int seen[TN_OPTION_END]; /* the line that gave the option, or 0 */
};

static int fail(struct reading *reading, const char *what, const char *about)
{
    if (reading->err == 0)
        reading->err = tn_problem_set(reading->problem, TN_ERR_INVAL, "%s:%d: %s%s", reading->path,
                                      reading->line, what, about);
    return 0; /* what libinih takes for an error */
}

static char *next_line(char *line, int size, void *arg)
{
    struct reading *reading = arg;
    size_t len;
    size_t spaces;

    if (reading->err < 0 || fgets(line, size, reading->file) == NULL)
        return NULL;
    reading->line++;
    len = strlen(line);
    if (len + 1 == (size_t)size && line[len - 1] != '\n') {
        fail(reading, "the line is too long", "");
        return NULL;
    }
    spaces = strspn(line, " \t");
    memmove(line, line + spaces, len + 1 - spaces);
    if (line[0] == '[') {
        fail(reading, "there are no sections here", "");
        return NULL;
    }
    return line;
}

static int take_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *reading = arg;
    struct tn_problem problem = { { 0 } };
    enum tn_config_id id;

    (void)section; /* there are none */
    if (tn_option_find(name, &id) < 0)
        return fail(reading, "unknown key: ", name);
    if (reading->seen[id] != 0 && tn_option_of(id)->type != TN_OPTION_IS_ADDRESSES)
        return fail(reading, "given twice: ", name);
    reading->seen[id] = (unsigned int)reading->line;
    if (tn_config_set(reading->config, id, value, TN_CONFIG_FILE, &problem) < 0)
        return fail(reading, problem.text, "");
    return 1;
}

int tn_config_read_file(struct tn_config *config, const char *path, bool may_be_missing,
                        struct tn_problem *problem)
{
    struct reading reading = { .config = config, .problem = problem, .path = path };
    int bad_line;
    int failed;

    reading.file = fopen(path, "re");
    if (reading.file == NULL && errno == ENOENT && may_be_missing)
        return 0;
    if (reading.file == NULL)
        return tn_problem_set(problem, TN_ERR_IO, "cannot read %s: %s", path, strerror(errno));

    bad_line = ini_parse_stream(next_line, &reading, take_pair, &reading);
    failed = ferror(reading.file);
    (void)fclose(reading.file); /* was only read */
    if (reading.err < 0)
        return reading.err;
    if (failed)
        return tn_problem_set(problem, TN_ERR_IO, "cannot read %s", path);
    if (bad_line != 0)
        return tn_problem_set(problem, TN_ERR_INVAL, "%s:%d: this is not a line 'key = value'",
                              path, bad_line);
    return 0;
}
