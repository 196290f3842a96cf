/* SPDX-License-Identifier: MIT */
/*
 * tenure-bench: a table of commands. Each measures one family of workloads; no
 * command compares the three modes.
 */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/gc.h"
#include "bench/options.h"
#include "bench/service.h"
#include "bench/workload.h"

const char *argp_program_version = "tenure-bench " TN_VERSION;

static int run_refcount(struct bench_options *options)
{
    return bench_command_family(&bench_family_refcount, options);
}

static int run_alloc(struct bench_options *options)
{
    return bench_command_family(&bench_family_alloc, options);
}

static int run_heap(struct bench_options *options)
{
    return bench_command_family(&bench_family_heap, options);
}

struct command {
    const char *name;
    const char *what;
    const struct bench_family *family; /* NULL: its workloads are told by `what` */
    const struct argp *argp;           /* further options; NULL: none */
    int (*run)(struct bench_options *options);
};

/* The first one is what runs without a command. */
static const struct command commands[] = {
    { "modes", "the three modes side by side: private, mixed and one-hot-object work", NULL, NULL,
      bench_command_modes },
    { "refcount", "counting references", &bench_family_refcount, NULL, run_refcount },
    { "alloc", "allocating and freeing blocks", &bench_family_alloc, NULL, run_alloc },
    { "heap", "lists, dicts and names, in process", &bench_family_heap, NULL, run_heap },
    { "gc",
      "collecting cycles: build-1m, build-5m, full-1m, full-5m, full-10m, young-idle, "
      "cycles-1m and chain-1m, with each collector",
      NULL, &bench_gc_argp, bench_command_gc },
    { "service", "get and set over the wire", NULL, &bench_service_argp, bench_command_service },
};

/* The text that argp prints behind the options. It is asked for by --help only. */
static char *describe(int key, const char *text, void *input)
{
    const struct bench_family *family = NULL;
    char *out = NULL;
    size_t size = 0;
    FILE *stream;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    stream = open_memstream(&out, &size);
    if (stream == NULL)
        return NULL;
    for (size_t i = 0; i < TN_ARRAY_LEN(commands); i++)
        if (text != NULL && strcmp(text, commands[i].name) == 0)
            family = commands[i].family;
    if (family != NULL) {
        fprintf(stream, "Workloads, and what one operation is:\n");
        for (size_t i = 0; i < family->n_impls; i++)
            if (family->impls[i].what != NULL)
                fprintf(stream, "  %-14s %s\n", family->impls[i].workload, family->impls[i].what);
    } else if (text != NULL && strcmp(text, commands[0].name) == 0) {
        fprintf(stream, "Commands (`tenure-bench COMMAND --help` explains them):\n");
        for (size_t i = 0; i < TN_ARRAY_LEN(commands); i++)
            fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].what);
        fprintf(stream, "Without a command: %s.\n", commands[0].name);
    }
    fclose(stream);
    return out;
}

/* Hands the options on to the parsers that know them. */
static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != ARGP_KEY_INIT)
        return ARGP_ERR_UNKNOWN;
    for (size_t i = 0; state->root_argp->children[i].argp != NULL; i++)
        state->child_inputs[i] = state->input;
    return 0;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct argp_child children[] = {
        { .argp = &bench_options_argp },
        { .argp = command->argp },
        { 0 },
    };
    char doc[256];
    char name[64];
    struct bench_options options;
    struct argp argp = {
        .parser = parse_option,
        .children = children,
        .doc = doc,
        .help_filter = describe,
    };

    /* Between the vertical tab and the end: what describe() replaces. */
    snprintf(doc, sizeof(doc), "Measures %s.\v%s", command->what, command->name);
    snprintf(name, sizeof(name), "tenure-bench%s%s", command == &commands[0] ? "" : " ",
             command == &commands[0] ? " [COMMAND]" : command->name);
    argv[0] = name;
    bench_options_init(&options);
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        return 1;
    return command->run(&options);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-')
        return run_command(&commands[0], argc, argv);
    for (size_t i = 0; i < TN_ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    fprintf(stderr, "tenure-bench: there is no command '%s'; --help lists them\n", argv[1]);
    return 64; /* EX_USAGE, as argp */
}
