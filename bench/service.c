/* SPDX-License-Identifier: MIT */
/*
 * The service over the wire: rows for each transport, workload, pipeline depth
 * and mode, and the echo floor among them. All servers are up all the time and
 * take turns, so that drift of the machine hits all alike.
 *
 * The server's CPU time per operation is the figure to trust where server and
 * load share two CPUs: throughput is limited by the load generator as well.
 */
#include "bench/service.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/commands.h"
#include "bench/machine.h"
#include "bench/output.h"
#include "core/base/attr.h"

#define N_KEYS 100000
#define PRELOAD_PIPELINE 64
#define LOAD_CPU 0
#define SERVERS_MAX ((TN_MODE_BIASED + 1) * BENCH_LIST_MAX + 1)

/* ---- Options ---- */

enum option_key {
    OPTION_PIPELINE = 0x200,
    OPTION_UNIX,
    OPTION_TCP,
    OPTION_ENDPOINT,
    OPTION_SERVER,
    OPTION_CONNECTIONS,
    OPTION_VALUE_SIZE,
};

static const struct argp_option options_table[] = {
    { "connections", OPTION_CONNECTIONS, "N", 0, "Connections at a time (default: 50)", 4 },
    { "pipeline", OPTION_PIPELINE, "N,...", 0,
      "Requests that a connection sends together (default: 1,16,64)", 4 },
    { "value-size", OPTION_VALUE_SIZE, "BYTES", 0, "Of the values, 16 at least (default: 100)", 4 },
    { "unix", OPTION_UNIX, NULL, 0, "Over a unix socket", 4 },
    { "tcp", OPTION_TCP, NULL, 0, "Over TCP on loopback (default); both may be given", 4 },
    { "endpoint", OPTION_ENDPOINT, "ENDPOINT", 0,
      "Measure the server at unix:PATH or tcp:HOST:PORT, which must be on this machine", 4 },
    { "server", OPTION_SERVER, "PROGRAM", 0,
      "The tenured to start (default: the one that was built with this program)", 4 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct bench_options *options = state->input;
    struct bench_list one;

    switch (key) {
    case OPTION_PIPELINE:
        bench_options_parse_list(state, arg, 1, BENCH_PIPELINE_MAX, &options->pipelines);
        break;
    case OPTION_CONNECTIONS:
        bench_options_parse_list(state, arg, 1, 10000, &one);
        options->connections = one.items[0];
        break;
    case OPTION_VALUE_SIZE:
        bench_options_parse_list(state, arg, BENCH_VALUE_BYTES_MIN, BENCH_VALUE_BYTES_MAX, &one);
        options->value_bytes = one.items[0];
        break;
    case OPTION_UNIX:
        options->over_unix = true;
        break;
    case OPTION_TCP:
        options->over_tcp = true;
        break;
    case OPTION_ENDPOINT:
        options->endpoint = arg;
        break;
    case OPTION_SERVER:
        options->server = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp bench_service_argp = { .options = options_table, .parser = parse_option };

/* ---- State of the command ---- */

struct service {
    const struct bench_options *options;
    char directory[64];
    struct bench_server servers[SERVERS_MAX];
    size_t n_servers;
    struct bench_frame frames[2]; /* by enum bench_request */
    size_t answer_bytes[2];
    uint32_t n_keys;
};

struct source {
    struct service *service;
    struct bench_server *server;
    const struct bench_address *address;
    enum bench_request request;
};

static const char *const request_names[] = {
    [BENCH_REQUEST_GET] = "get",
    [BENCH_REQUEST_SET] = "set",
};

/* Servers with one worker have a CPU of their own, away from the load's. */
static bool is_pinned(const struct bench_options *options, unsigned int workers)
{
    return !options->no_pin && workers == 1 && bench_machine_n_cpus() > 1;
}

/* ---- Rounds ---- */

static void run_round(struct bench_row *row, const struct bench_round *round, bool is_warmup)
{
    struct source *source = row->source;
    struct service *service = source->service;
    struct bench_service_figures *s = row->service;
    struct bench_load load = {
        .server = source->server,
        .address = source->address,
        .frame = &service->frames[source->request],
        .connections = s->connections,
        .pipeline = s->pipeline,
        .n_keys = service->n_keys,
        .seed = service->options->seed,
        .stream = round->stream,
        .seconds = round->seconds,
        .n_ops = round->n_ops,
        .latency = is_warmup ? NULL : row->latency,
        .answer_bytes = service->answer_bytes[source->request],
    };
    struct bench_load_result result;

    if (!service->options->no_pin)
        bench_machine_pin(LOAD_CPU);
    result = bench_load_run(&load);
    bench_machine_unpin();
    if (is_warmup)
        return;
    row->ops_per_second[row->n_rounds] = (double)result.n_ops / result.seconds;
    row->ns[row->n_rounds] = result.seconds * 1e9 / (double)result.n_ops;
    s->server_cpu_us[row->n_rounds] = result.server_cpu_seconds * 1e6 / (double)result.n_ops;
    s->client_cpu_us[row->n_rounds] = result.client_cpu_seconds * 1e6 / (double)result.n_ops;
    s->server_system_seconds += result.server_system_seconds;
    s->n_ops += result.n_ops;
    row->n_rounds++;
}

static void add_row(struct bench_plan *plan, struct service *service, struct bench_server *server,
                    bool over_unix, enum bench_request request, unsigned int pipeline)
{
    struct bench_row *plain = bench_plan_plain(plan, 1);
    struct bench_row *row = bench_plan_add_row(plan);
    struct source *source = bench_alloc(sizeof(*source));

    *source = (struct source){ .service = service, .server = server, .request = request };
    source->address = over_unix ? &server->unix_address : &server->tcp_address;
    row->bench = "service";
    row->workload = request_names[request];
    row->mode = server->mode;
    row->threads = server->workers;
    row->is_baseline = server->is_echo;
    row->run_round = run_round;
    row->source = source;
    row->owns_source = true;
    row->plain = plain;
    row->latency = bench_alloc(sizeof(*row->latency));
    row->service = bench_alloc(sizeof(*row->service));
    row->service->pipeline = pipeline;
    row->service->connections = service->options->connections;
    row->service->value_bytes = service->options->value_bytes;
    row->service->transport = bench_address_transport(source->address);
}

static void add_rows(struct bench_plan *plan, struct service *service, bool over_unix)
{
    const struct bench_list *pipelines = &service->options->pipelines;

    for (size_t request = 0; request < TN_ARRAY_LEN(request_names); request++) {
        if (!bench_options_wants(service->options, request_names[request]))
            continue;
        for (size_t i = 0; i < pipelines->n; i++)
            for (size_t j = 0; j < service->n_servers; j++)
                add_row(plan, service, &service->servers[j], over_unix, (enum bench_request)request,
                        pipelines->items[i]);
    }
}

/* ---- Servers ---- */

/* The tenured that was built together with this program, or else one that is
 * installed beside it. */
static void find_program(char program[PATH_MAX])
{
    static const char *const places[] = { "/../server/tenured", "/tenured" };
    char self[PATH_MAX - 32];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len > 0) {
        self[len] = '\0';
        *strrchr(self, '/') = '\0';
        for (size_t i = 0; i < TN_ARRAY_LEN(places); i++) {
            snprintf(program, PATH_MAX, "%s%s", self, places[i]);
            if (access(program, X_OK) == 0)
                return;
        }
    }
    bench_die("there is no tenured beside this program; --server names one");
}

static void start_servers(struct service *service)
{
    const struct bench_options *options = service->options;
    char program[PATH_MAX];

    if (options->server != NULL)
        snprintf(program, sizeof(program), "%s", options->server);
    else
        find_program(program);
    for (size_t i = 0; i < options->threads.n; i++)
        for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++)
            if (options->modes[mode])
                bench_server_start(&service->servers[service->n_servers++], program,
                                   service->directory, (enum tn_mode)mode,
                                   options->threads.items[i],
                                   is_pinned(options, options->threads.items[i]));
}

/* Every key once, so that every get finds something. */
static void preload(struct service *service, struct bench_server *server,
                    const struct bench_address *address)
{
    struct bench_load load = {
        .server = server,
        .address = address,
        .frame = &service->frames[BENCH_REQUEST_SET],
        .connections = 1,
        .pipeline =
            PRELOAD_PIPELINE < server->max_in_flight ? PRELOAD_PIPELINE : server->max_in_flight,
        .n_keys = service->n_keys,
        .in_order = true,
    };

    (void)bench_load_run(&load);
}

static void prepare(struct service *service)
{
    struct bench_server *first = &service->servers[0];

    for (size_t i = 0; i < service->n_servers; i++) {
        struct bench_server *server = &service->servers[i];
        const struct bench_list *pipelines = &service->options->pipelines;

        for (size_t j = 0; j < pipelines->n; j++)
            if (pipelines->items[j] > server->max_in_flight)
                bench_die("the server allows %u requests in flight, fewer than --pipeline %u",
                          server->max_in_flight, pipelines->items[j]);
        preload(service, server, &server->unix_address);
    }
    for (size_t request = 0; request < TN_ARRAY_LEN(request_names); request++)
        service->answer_bytes[request] =
            bench_load_probe_answer(first, &first->unix_address, &service->frames[request]);
}

static void start(struct service *service)
{
    const struct bench_options *options = service->options;
    const char *parent = getenv("TMPDIR");

    for (size_t request = 0; request < TN_ARRAY_LEN(request_names); request++)
        bench_frame_init(&service->frames[request], (enum bench_request)request,
                         options->value_bytes);
    snprintf(service->directory, sizeof(service->directory), "%s/tenure-bench-XXXXXX",
             parent != NULL && strlen(parent) < 32 ? parent : "/tmp");
    if (mkdtemp(service->directory) == NULL)
        bench_die("cannot make a directory for sockets in %s", service->directory);
    if (options->endpoint != NULL)
        bench_server_attach(&service->servers[service->n_servers++], options->endpoint);
    else
        start_servers(service);
    if (service->n_servers == 0)
        bench_die("no mode was chosen");
    prepare(service);
    if (!options->no_baselines)
        bench_server_start_echo(&service->servers[service->n_servers++], service->directory,
                                is_pinned(options, 1));
}

/* Takes away the sockets and their directory. Safe in a signal handler. */
static void remove_sockets(const struct service *service)
{
    for (size_t i = 0; i < service->n_servers; i++) {
        const struct bench_server *server = &service->servers[i];

        if (server->is_child)
            (void)unlink(((const struct sockaddr_un *)&server->unix_address.sockaddr)->sun_path);
    }
    (void)rmdir(service->directory);
}

static void stop(struct service *service)
{
    remove_sockets(service);
    for (size_t i = 0; i < service->n_servers; i++)
        bench_server_stop(&service->servers[i]);
    for (size_t request = 0; request < TN_ARRAY_LEN(request_names); request++)
        bench_frame_fini(&service->frames[request]);
}

/* What is to be taken away if somebody ends us; the servers end with us. */
static const struct service *running;

static void on_signal(int signal_number)
{
    remove_sockets(running);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void on_death(void)
{
    remove_sockets(running);
}

static void check_workloads(const char *names)
{
    while (names != NULL) {
        const char *end = strchrnul(names, ',');
        size_t len = (size_t)(end - names);

        if (len != 3 || (memcmp(names, "get", 3) != 0 && memcmp(names, "set", 3) != 0))
            bench_die("'%.*s' is not a workload of service; there are: get set", (int)len, names);
        names = *end != '\0' ? end + 1 : NULL;
    }
}

/* What the options leave open. */
static void choose_transport(struct bench_options *options)
{
    if (options->endpoint != NULL) {
        options->over_unix = strncmp(options->endpoint, "unix:", 5) == 0;
        options->over_tcp = !options->over_unix;
    } else if (!options->over_unix) {
        options->over_tcp = true;
    }
}

int bench_command_service(struct bench_options *options)
{
    struct service *service = bench_alloc(sizeof(*service));
    struct bench_plan plan;

    check_workloads(options->workloads);
    choose_transport(options);
    if (options->threads.n == 0)
        options->threads = (struct bench_list){ { 1 }, 1 };
    bench_options_finish(options);
    *service = (struct service){ .options = options };
    service->n_keys = options->n_keys != 0 ? options->n_keys : N_KEYS;
    running = service;
    bench_on_death(on_death);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    start(service);
    bench_plan_init(&plan, options);
    if (options->over_tcp)
        add_rows(&plan, service, false);
    if (options->over_unix)
        add_rows(&plan, service, true);
    bench_plan_run(&plan);
    bench_output(&plan, "tenure-bench service: get and set over the wire");
    bench_plan_fini(&plan);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    bench_on_death(NULL);
    stop(service);
    bench_free(service);
    return 0;
}
