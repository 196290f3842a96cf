/* SPDX-License-Identifier: MIT */
/*
 * tenured: options, signals, and telling the service manager.
 *
 * The main thread does nothing else: it starts the server, waits for signals,
 * and ends when the server has stopped.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "server/config.h"
#include "server/log.h"
#include "server/notify.h"
#include "server/server.h"

/* What the exit code means; tenured(8) has this list too. */
enum exit_code {
    EXIT_STOPPED = 0, /* stopped as it was asked to, or did what it was asked */
    EXIT_FAILED = 1,  /* cannot work: no memory, no threads, the heap limit too small */
    EXIT_USAGE = 2,   /* options or configuration are wrong */
    EXIT_LISTEN = 3,  /* cannot listen on an address */
    EXIT_FORCED = 4,  /* stopped, but connections were cut off */
};

#define KEY_FIRST 0x100 /* options have 0x100 + their number */
#define KEY_CHECK_CONFIG 0x200
#define KEY_PRINT_CONFIG 0x201

#define FLAGS_MAX 128

struct flag {
    enum tn_config_id id;
    const char *text;
};

/* What the command line says, before there is a configuration to put it into. */
struct arguments {
    const char *config_path;
    bool check_config;
    bool print_config;
    struct flag flags[FLAGS_MAX];
    size_t n_flags;
};

/* ---- The command line ---- */

static error_t parse_argument(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'C':
        arguments->config_path = text;
        return 0;
    case 'V':
        (void)printf("tenured " TN_VERSION "\n");
        exit(EXIT_STOPPED);
    case KEY_CHECK_CONFIG:
        arguments->check_config = true;
        return 0;
    case KEY_PRINT_CONFIG:
        arguments->print_config = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option", text);
        return EINVAL;
    default:
        break;
    }
    for (unsigned int i = 0; i < TN_OPTION_END; i++) {
        char short_name = tn_option_of((enum tn_config_id)i)->short_name;

        if (key != KEY_FIRST + (int)i && (short_name == 0 || key != short_name))
            continue;
        if (arguments->n_flags == FLAGS_MAX)
            argp_error(state, "too many options");
        else
            arguments->flags[arguments->n_flags++] =
                (struct flag){ .id = (enum tn_config_id)i, .text = text };
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* argp's table, made of ours. */
static void make_argp_options(struct argp_option options[TN_OPTION_END + 5])
{
    struct argp_option *option = options;

    *option++ =
        (struct argp_option){ .name = "config",
                              .key = 'C',
                              .arg = "FILE",
                              .doc = "Read FILE (" TN_CONFIG_FILE_DEFAULT ", if that exists)" };
    *option++ = (struct argp_option){ .name = "check-config",
                                      .key = KEY_CHECK_CONFIG,
                                      .doc = "Say whether the configuration is valid, and exit" };
    *option++ = (struct argp_option){ .name = "print-config",
                                      .key = KEY_PRINT_CONFIG,
                                      .doc = "Print the configuration in effect, and exit" };
    *option++ =
        (struct argp_option){ .name = "version", .key = 'V', .doc = "Print the version, and exit" };
    for (unsigned int i = 0; i < TN_OPTION_END; i++) {
        const struct tn_option *ours = tn_option_of((enum tn_config_id)i);

        *option++ = (struct argp_option){
            .name = ours->name,
            .key = ours->short_name != 0 ? ours->short_name : KEY_FIRST + (int)i,
            .arg = ours->arg,
            .doc = ours->help,
        };
    }
    *option = (struct argp_option){ 0 };
}

static void parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    struct argp_option options[TN_OPTION_END + 5];
    const struct argp argp = {
        .options = options,
        .parser = parse_argument,
        .doc = "Keeps a shared heap of reference-counted objects and lends it to client programs."
               "\vEach option is also a key in the configuration file, and an environment "
               "variable such as TENURE_MAX_MEMORY for --max-memory. Flags override the "
               "environment, which overrides the file. Sizes are like 64mb, times like 500ms. "
               "Manual: tenured(8), tenured.conf(5).",
    };

    make_argp_options(options);
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, arguments) != 0)
        exit(EXIT_USAGE);
}

/* ---- The configuration ---- */

static int load_config(const struct arguments *arguments, struct tn_config *config,
                       struct tn_problem *problem)
{
    const char *path = arguments->config_path;
    bool may_be_missing = false;
    int r;

    tn_config_init(config);
    if (path == NULL)
        path = getenv("TENURE_CONFIG");
    if (path == NULL || path[0] == '\0') {
        path = TN_CONFIG_FILE_DEFAULT;
        may_be_missing = true;
    }
    r = tn_config_read_file(config, path, may_be_missing, problem);
    if (r == 0)
        r = tn_config_read_environment(config, problem);
    for (size_t i = 0; r == 0 && i < arguments->n_flags; i++) {
        struct tn_problem inner = { { 0 } };
        const struct flag *flag = &arguments->flags[i];

        r = tn_config_set(config, flag->id, flag->text, TN_CONFIG_FLAG, &inner);
        if (r < 0)
            r = tn_problem_set(problem, r, "--%s", inner.text);
    }
    return r == 0 ? tn_config_finish(config, problem) : r;
}

static int complain(const struct tn_problem *problem, enum exit_code code)
{
    (void)fprintf(stderr, "tenured: %s\n", problem->text);
    return (int)code;
}

/* ---- Running ---- */

static int write_port_file(const struct tn_config *config, const struct tn_server *server,
                           struct tn_problem *problem)
{
    FILE *file;
    bool has_failed;

    if (config->port_file[0] == '\0')
        return 0;
    file = fopen(config->port_file, "we");
    if (file == NULL)
        return tn_problem_set(problem, TN_ERR_IO, "cannot write %s: %s", config->port_file,
                              strerror(errno));
    for (size_t i = 0; i < tn_server_n_addresses(server); i++)
        if (tn_server_port(server, i) != 0)
            (void)fprintf(file, "%u\n", tn_server_port(server, i));
    has_failed = ferror(file) != 0;
    if (fclose(file) != 0 || has_failed)
        return tn_problem_set(problem, TN_ERR_IO, "cannot write %s", config->port_file);
    return 0;
}

static void log_start(const struct tn_config *config, const struct tn_server *server)
{
    struct tn_log_line line;
    char text[TN_ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < tn_server_n_addresses(server); i++) {
        tn_address_format(tn_server_address(server, i), text);
        tn_log_begin(&line, TN_LOG_INFO, "listening");
        tn_log_str(&line, "address", text);
        tn_log_end(&line);
    }
    tn_log_begin(&line, TN_LOG_INFO, "started");
    tn_log_str(&line, "version", TN_VERSION);
    tn_log_i64(&line, "pid", getpid());
    tn_log_str(&line, "mode", tn_mode_name(config->mode));
    tn_log_u64(&line, "workers", config->workers);
    tn_log_u64(&line, "max_memory_bytes", config->max_memory_bytes);
    tn_log_end(&line);
}

/* The first signal asks for an orderly end, the second for a quick one. */
static void handle_signal(struct tn_server *server, const struct signalfd_siginfo *info,
                          unsigned int *n_stops)
{
    struct tn_log_line line;

    if (info->ssi_signo == SIGHUP) {
        /* There is nothing to read again; the log goes to standard error. */
        tn_log_msg(TN_LOG_INFO, "hangup ignored");
        return;
    }
    tn_log_begin(&line, TN_LOG_INFO, *n_stops == 0 ? "stopping" : "stopping at once");
    tn_log_u64(&line, "signal", info->ssi_signo);
    tn_log_u64(&line, "sender_pid", info->ssi_pid);
    tn_log_end(&line);
    tn_notify("STOPPING=1");
    tn_server_shutdown(server, *n_stops > 0);
    (*n_stops)++;
}

/* Waits for signals until the server has stopped. */
static void serve(struct tn_server *server, int signal_fd)
{
    uint64_t watchdog_ns = tn_notify_watchdog_ns();
    int timeout = watchdog_ns == 0 ? -1 : (int)(watchdog_ns / TN_NS_PER_MS);
    unsigned int n_stops = 0;

    for (;;) {
        struct pollfd fds[] = {
            { .fd = signal_fd, .events = POLLIN },
            { .fd = tn_server_done_fd(server), .events = POLLIN },
        };
        struct signalfd_siginfo info;
        int n = poll(fds, TN_ARRAY_LEN(fds), timeout);

        TN_ASSERT(n >= 0 || errno == EINTR);
        if (n > 0 && fds[1].revents != 0)
            return;
        if (n > 0 && fds[0].revents != 0 && read(signal_fd, &info, sizeof(info)) == sizeof(info))
            handle_signal(server, &info, &n_stops);
        if (timeout >= 0 && n_stops == 0 && tn_server_is_alive(server))
            tn_notify("WATCHDOG=1");
    }
}

static int run(const struct tn_config *config, int signal_fd)
{
    struct tn_problem problem = { { 0 } };
    struct tn_server *server = NULL;
    size_t n_alive;
    bool was_orderly;
    struct tn_log_line line;
    int r;

    r = tn_server_new(config, TN_NOTIFY_FIRST_FD, tn_notify_listen_fds(), &server, &problem);
    if (r < 0)
        return complain(&problem,
                        r == TN_ERR_NOMEM || r == TN_ERR_LIMIT ? EXIT_FAILED : EXIT_LISTEN);
    r = write_port_file(config, server, &problem);
    if (r == 0)
        r = tn_server_start(server, &problem);
    if (r < 0) {
        (void)tn_server_free(&server); /* nothing was stored */
        return complain(&problem, EXIT_FAILED);
    }
    log_start(config, server);
    tn_notify("READY=1");
    serve(server, signal_fd);

    was_orderly = tn_server_wait(server);
    n_alive = tn_server_free(&server);
    if (config->port_file[0] != '\0')
        (void)unlink(config->port_file);
    tn_log_begin(&line, TN_LOG_INFO, "stopped");
    tn_log_str(&line, "orderly", was_orderly ? "true" : "false");
    tn_log_u64(&line, "objects_in_cycles", n_alive);
    tn_log_end(&line);
    return was_orderly ? EXIT_STOPPED : EXIT_FORCED;
}

/* From now on these signals wait until they are read. Before any thread starts,
 * as threads inherit what is blocked. */
static int block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    static struct tn_config config;
    struct tn_problem problem = { { 0 } };
    int signal_fd;

    parse_arguments(argc, argv, &arguments);
    if (load_config(&arguments, &config, &problem) < 0)
        return complain(&problem, EXIT_USAGE);
    if (arguments.print_config)
        tn_config_print(&config, stdout);
    else if (arguments.check_config)
        (void)printf("the configuration is valid\n");
    if (arguments.print_config || arguments.check_config)
        return fflush(stdout) == 0 ? EXIT_STOPPED : EXIT_FAILED;

    tn_log_set_level(config.log_level);
    signal_fd = block_signals();
    if (signal_fd < 0) {
        tn_problem_set(&problem, TN_ERR_IO, "cannot wait for signals: %s", strerror(errno));
        return complain(&problem, EXIT_FAILED);
    }
    return run(&config, signal_fd);
}
