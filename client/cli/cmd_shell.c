/* SPDX-License-Identifier: MIT */
/*
 * tenure shell: reads lines, from a terminal with history and completion, from
 * anything else as they are, and has them executed.
 */
#include <ctype.h>
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/shell.h"

#define HISTORY_LINES 1000
#define PROMPT "tenure> "

/* ---- What comes of a line ---- */

/* Executes a line and prints what it says. Returns an exit code. */
static int run_line(struct shell *shell, const char *line)
{
    int r = shell_execute(shell, line);
    int code = r < 0 ? shell->code : CLI_OK;

    if (shell->out.len > 0)
        (void)fwrite(shell->out.data, 1, shell->out.len, stdout); /* see cli_finish_output() */
    shell->out.len = 0;
    (void)fflush(stdout);
    if (r < 0) {
        struct cli_text text = { .data = NULL };

        cli_text_put_escaped(&text, shell->message, strlen(shell->message), '\0');
        if (shell->is_interactive)
            (void)fprintf(stderr, "%s\n", cli_text_string(&text));
        else
            cli_complain("line %zu: %s", shell->line_number, cli_text_string(&text));
        cli_text_fini(&text);
    }
    if (!tn_client_is_open(shell->client)) {
        shell->wants_quit = true;
        if (shell->is_interactive)
            (void)fputs("Your variables are gone with it. Start the shell again.\n", stderr);
    }
    return code;
}

/* Lines that are not typed: goes on after a failure, and returns the first one. */
static int run_stream(struct shell *shell, FILE *stream)
{
    char *line = NULL;
    size_t cap = 0;
    int code = CLI_OK;

    while (!shell->wants_quit && getline(&line, &cap, stream) >= 0) {
        int line_code;

        shell->line_number++;
        line[strcspn(line, "\n")] = '\0';
        line_code = run_line(shell, line);
        if (code == CLI_OK)
            code = line_code;
    }
    free(line);
    if (ferror(stream)) {
        cli_complain("Standard input cannot be read: %s.", strerror(errno));
        return CLI_LOCAL;
    }
    return code;
}

/* ---- Typed lines ---- */

static char *prompt(EditLine *editor)
{
    static char text[] = PROMPT;

    (void)editor;
    return text;
}

/* Completes the word before the cursor if only one fits, else lists those that do. */
static unsigned char complete(EditLine *editor, int key)
{
    const LineInfo *line = el_line(editor);
    const char *begin = line->cursor;
    struct shell *shell = NULL;
    const char *match = NULL;
    size_t n_matches = 0;
    size_t len;

    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &shell); /* was set */
    while (begin > line->buffer && (isalnum((unsigned char)begin[-1]) || begin[-1] == '_'))
        begin--;
    len = (size_t)(line->cursor - begin);
    for (size_t i = 0; shell && i < shell->n_variables; i++) {
        if (strncmp(shell->variables[i].name, begin, len) == 0) {
            match = shell->variables[i].name;
            n_matches++;
        }
    }
    for (const char *const *word = shell_words; *word; word++) {
        if (strncmp(*word, begin, len) == 0) {
            match = *word;
            n_matches++;
        }
    }
    if (len == 0 || n_matches != 1)
        return CC_REFRESH_BEEP;
    return el_insertstr(editor, match + len) < 0 ? CC_REFRESH_BEEP : CC_REFRESH;
}

/* Ctrl-C: the line ends here, and is not executed. */
static unsigned char cancel(EditLine *editor, int key)
{
    struct shell *shell = NULL;

    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &shell); /* was set */
    if (shell)
        shell->is_cancelled = true;
    return CC_NEWLINE;
}

/* Where the history is kept; NULL if there is no home for it. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *directory = NULL;
    char *path = NULL;
    int len = -1;

    if (state && state[0] == '/')
        len = asprintf(&directory, "%s/tenure", state);
    else if (home && home[0] == '/')
        len = asprintf(&directory, "%s/.local/state/tenure", home);
    if (len < 0)
        return NULL;
    for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(directory, 0700); /* exists mostly; if not, writing will fail */
        *slash = '/';
    }
    (void)mkdir(directory, 0700);
    if (asprintf(&path, "%s/history", directory) < 0)
        path = NULL;
    free(directory);
    return path;
}

static int run_typed(struct shell *shell, EditLine *editor, History *lines, const char *path)
{
    HistEvent event;
    const char *typed;
    int n;
    int code = CLI_OK;

    while (!shell->wants_quit && (typed = el_gets(editor, &n)) && n > 0) {
        char *line;

        if (shell->is_cancelled) {
            shell->is_cancelled = false;
            (void)fputs("^C\n", stdout);
            continue;
        }
        line = strdup(typed);
        if (!line) {
            cli_complain("There is no memory left.");
            return CLI_LOCAL;
        }
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " \t")] != '\0') { /* history is only a convenience */
            (void)history(lines, &event, H_ENTER, line);
            if (path) /* now, because a terminal can be closed at any time */
                (void)history(lines, &event, H_SAVE, path);
        }
        code = run_line(shell, line);
        free(line);
    }
    if (!shell->wants_quit)
        (void)fputc('\n', stdout); /* behind the prompt at which Ctrl-D was typed */
    /* A typing error is no reason for a person's shell to fail. */
    return tn_client_is_open(shell->client) ? CLI_OK : code;
}

static int run_terminal(struct shell *shell)
{
    EditLine *editor = el_init("tenure", stdin, stdout, stderr);
    History *lines = history_init();
    char *path = history_path();
    HistEvent event;
    int code = CLI_LOCAL;

    if (!editor || !lines) {
        cli_complain("The terminal cannot be used.");
    } else {
        (void)history(lines, &event, H_SETSIZE, HISTORY_LINES);
        (void)history(lines, &event, H_SETUNIQUE, 1);
        if (path)
            (void)history(lines, &event, H_LOAD, path); /* there may be none yet */
        (void)el_set(editor, EL_PROMPT, prompt);
        (void)el_set(editor, EL_EDITOR, "emacs");
        (void)el_set(editor, EL_SIGNAL, 1);
        (void)el_set(editor, EL_HIST, history, lines);
        (void)el_set(editor, EL_CLIENTDATA, shell);
        (void)el_set(editor, EL_ADDFN, "tenure-complete", "Complete a word", complete);
        (void)el_set(editor, EL_BIND, "^I", "tenure-complete", NULL);
        /* While a line is typed Ctrl-C is a key; while it is executed, a signal. */
        (void)el_set(editor, EL_ADDFN, "tenure-cancel", "Forget the line", cancel);
        (void)el_set(editor, EL_BIND, "^C", "tenure-cancel", NULL);
        (void)el_set(editor, EL_SETTY, "-d", "-isig", NULL);
        (void)el_source(editor, NULL); /* the user's ~/.editrc */
        printf("%s at %s, mode %s. Type help, or help lesson.\n",
               tn_client_server_version(shell->client), tn_client_endpoint(shell->client),
               tn_client_server_mode(shell->client));
        code = run_typed(shell, editor, lines, path);
    }
    if (editor)
        el_end(editor);
    if (lines)
        history_end(lines);
    free(path);
    return code;
}

static int run(struct cli *cli)
{
    struct shell shell = { .cli = cli,
                           .client = cli->client,
                           .values = cli->values,
                           .is_quiet = cli->quiet,
                           .is_interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) };
    int code = shell.is_interactive ? run_terminal(&shell) : run_stream(&shell, stdin);

    for (size_t i = 0; i < shell.n_variables; i++) {
        tn_handle_release(&shell.variables[i].handle);
        free(shell.variables[i].name);
    }
    free(shell.variables);
    cli_text_fini(&shell.out);
    return code;
}

static const struct argp_option options[] = {
    { "quiet", CLI_OPT_QUIET, NULL, 0, "Print results only, without remarks on references", 0 },
    { 0 },
};

const struct cli_command cli_cmd_shell = {
    .name = "shell",
    .args_doc = "",
    .summary = "Work with objects interactively, as in Python",
    .doc = "Variables are references that the session holds. Type \"help\" or \"help lesson\". "
           "Lines that are piped in are executed without prompts; after a line that fails the "
           "others are executed nevertheless, and the exit code is that of the first failure.",
    .options = options,
    .run = run,
};
