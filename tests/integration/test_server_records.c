/* SPDX-License-Identifier: MIT */
/* Classes and records on the wire, in every mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/notation.h"
#include "tests/support/raw_client.h"
#include "tests/support/server_fixture.h"

#define EXPECT(c, answer, ...) assert_string_equal(raw_do(c, __VA_ARGS__), answer)

static const char missing[] = "NOT_FOUND ATTRIBUTE_NOT_FOUND";

static void in_every_mode(void (*body)(struct raw_client *c))
{
    for (int mode = TN_MODE_GIL; mode <= TN_MODE_BIASED; mode++) {
        struct server_fixture f;
        struct raw_client c;

        server_fixture_start(&f, (enum tn_mode)mode, NULL);
        raw_open(&c, f.unix_address);
        body(&c);
        raw_close(&c);
        server_fixture_stop(&f);
    }
}

/* Declares a class and gives it the name that it has. */
static void declare(struct raw_client *c, const char *name, const char *rest)
{
    const char *handle = raw_do(c, "class_declare %s %s", name, rest);

    assert_int_equal(handle[0], '@');
    EXPECT(c, "new", "bind %s %s", name, handle);
    EXPECT(c, "count 1", "release %s", handle);
}

static const Tenure__V1__ClassDescribeResponse *describe(struct raw_client *c, const char *target)
{
    char words[64];
    const Tenure__V1__Response *response;

    (void)snprintf(words, sizeof(words), "class_describe %s", target);
    response = raw_call(c, raw_parse(c, words));
    assert_null(response->status);
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_CLASS_DESCRIBE);
    return response->class_describe;
}

static bool is_text(const ProtobufCBinaryData *bytes, const char *text)
{
    return bytes->len == strlen(text) && memcmp(bytes->data, text, bytes->len) == 0;
}

static void classes(struct raw_client *c)
{
    const Tenure__V1__ClassDescribeResponse *class;
    char slots[70 * 5] = "";

    declare(c, "Point", "x y");
    declare(c, "Spot", "colour +dict +finalizer <Point");
    class = describe(c, "Spot");
    assert_true(is_text(&class->name, "Spot"));
    assert_true(is_text(&class->base_name, "Point"));
    assert_int_equal(class->n_slots, 3);
    assert_int_equal(class->n_inherited, 2);
    assert_true(is_text(&class->slots[0], "x"));
    assert_true(is_text(&class->slots[2], "colour"));
    assert_true(class->has_dict && class->has_finalizer);
    assert_int_equal(class->record_bytes, 24 + 5 * 8); /* slots, dict, when it was born */
    assert_int_equal(class->records, 0);
    assert_true(class->base_identity == describe(c, "Point")->identity);
    EXPECT(c, "<class 'Spot'>", "get Spot");

    EXPECT(c, "INVALID_ARGUMENT CLASS_INVALID", "class_declare A x x");
    EXPECT(c, "INVALID_ARGUMENT CLASS_INVALID", "class_declare A y <Point");
    EXPECT(c, "INVALID_ARGUMENT CLASS_INVALID", "class_declare A __class__");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "class_declare \xff x");
    EXPECT(c, "NOT_FOUND NAME_NOT_FOUND", "class_declare A <Nothing");
    for (int i = 0; i < 65; i++)
        (void)snprintf(slots + strlen(slots), sizeof(slots) - strlen(slots), "s%d ", i);
    EXPECT(c, "INVALID_ARGUMENT CLASS_INVALID", "class_declare A %s", slots);
    EXPECT(c, "new", "set list []");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "class_declare A <list");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "class_describe list");
    EXPECT(c, "existed", "unbind list");
    EXPECT(c, "existed", "unbind Spot");
    EXPECT(c, "existed", "unbind Point");
}

static void test_classes_are_declared_and_described(void **state)
{
    (void)state;
    in_every_mode(classes);
}

/* Makes a record, and gives it a name. */
static void make(struct raw_client *c, const char *name, const char *words)
{
    const char *handle = raw_do(c, "record_new %s", words);

    assert_int_equal(handle[0], '@');
    EXPECT(c, "new", "bind %s %s", name, handle);
    EXPECT(c, "count 1", "release %s", handle);
}

static void records(struct raw_client *c)
{
    declare(c, "Point", "x y");
    make(c, "p", "Point (1, 'two')");
    make(c, "q", "Point {'y': [3]}");
    make(c, "r", "Point");
    EXPECT(c, "Point{'x': 1, 'y': 'two'}", "get p");
    EXPECT(c, "Point{'y': [3]}", "get q");
    EXPECT(c, "Point{}", "get r");
    assert_int_equal(describe(c, "p")->records, 3);
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "record_new p");
    EXPECT(c, "INVALID_ARGUMENT INVALID_ARGUMENT", "record_new Point [1, 2, 3]");
    EXPECT(c, missing, "record_new Point {'z': 1}");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "record_new Point {1: 1}");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "record_new Point 1");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "record_new Point {'__class__': 1}");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "record_new Point {'': 1}");
    assert_int_equal(describe(c, "p")->records, 3);

    EXPECT(c, "1", "attr_get p x");
    EXPECT(c, "<class 'Point'>", "attr_get p __class__");
    EXPECT(c, missing, "attr_get r x");
    EXPECT(c, missing, "attr_get p z");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "attr_get p ");
    EXPECT(c, "count 2", "attr_set p x {'a': 1}");
    EXPECT(c, "Point{'x': {'a': 1}, 'y': 'two'}", "get p");
    EXPECT(c, missing, "attr_set p z 1");
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "attr_set p __class__ 1");
    EXPECT(c, "count 1", "attr_delete p x");
    EXPECT(c, missing, "attr_delete p x");
    EXPECT(c, "count 1", "length p");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "attr_get Point x");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "attr_set Point x 1");
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "length Point");
    for (const char *name = "pqr"; *name != '\0'; name++)
        EXPECT(c, "existed", "unbind %c", *name);
    EXPECT(c, "existed", "unbind Point");
}

static void test_records_have_attributes(void **state)
{
    (void)state;
    in_every_mode(records);
}

/* A page of a scan; returns its cursor. */
static uint64_t expect_page(struct raw_client *c, uint64_t cursor, const char *expected)
{
    const Tenure__V1__Response *response;
    char words[64];

    (void)snprintf(words, sizeof(words), "attr_scan s 2 %llu", (unsigned long long)cursor);
    response = raw_call(c, raw_parse(c, words));
    assert_null(response->status);
    assert_int_equal(response->result_case, TENURE__V1__RESPONSE__RESULT_SCAN_DICT);
    assert_string_equal(notation_print(response->scan_dict->entries, &c->arena), expected);
    return response->scan_dict->cursor;
}

static void scans(struct raw_client *c)
{
    uint64_t cursor;

    declare(c, "Spot", "x y colour +dict");
    make(c, "s", "Spot {'extra': 1, 'x': 2, 'colour': 'red', 'more': None}");
    EXPECT(c, "Spot{'x': 2, 'colour': 'red', 'extra': 1, 'more': None}", "get s");
    cursor = expect_page(c, 0, "['x', 2, 'colour', 'red']");
    assert_true(cursor != 0);
    EXPECT(c, "count 3", "attr_delete s x");
    EXPECT(c, "count 4", "attr_set s last 4");
    cursor = expect_page(c, cursor, "['extra', 1, 'more', None]");
    assert_true(cursor != 0);
    cursor = expect_page(c, cursor, "['last', 4]");
    assert_true(cursor == 0);
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "attr_scan Spot 2 0");
    EXPECT(c, "existed", "unbind s");
    EXPECT(c, "existed", "unbind Spot");
}

static void test_attributes_are_listed_in_pages(void **state)
{
    (void)state;
    in_every_mode(scans);
}

/* ---- Graphs ---- */

static void graphs(struct raw_client *c)
{
    const char *class;

    declare(c, "Node", "value next +dict");
    class = raw_do(c, "lookup Node");
    EXPECT(c, "new", "set g &0[#%s{'value': 1, 'next': &1#%s{'value': (2,), 'up': *0}}, *1]", class,
           class);
    EXPECT(c, "&0[Node{'value': 1, 'next': &1Node{'value': (2), 'up': *0}}, *1]", "get g");
    EXPECT(c, "count 1", "list_delete g 1");
    EXPECT(c, "count 0", "list_delete g 0"); /* breaks the cycle */
    /* What fails leaves nothing behind, cycles included. */
    EXPECT(c, "INVALID_ARGUMENT NAME_INVALID", "put &0[#%s{'value': *0, '': 1}]", class);
    EXPECT(c, "INVALID_ARGUMENT UNHASHABLE_KEY", "put &0[#%s{'value': *0}, {[]: 1}]", class);
    EXPECT(c, "OUT_OF_RANGE INDEX_OUT_OF_RANGE", "list_set g 5 &0#%s{'value': *0}", class);
    EXPECT(c, "FAILED_PRECONDITION TYPE_MISMATCH", "put #%s{}", raw_do(c, "lookup g"));
    EXPECT(c, "NOT_FOUND HANDLE_NOT_FOUND", "put #@1234{}");
    /* Records are keys, and nobody has a new one. */
    EXPECT(c, "existed", "set g {}");
    EXPECT(c, "new", "set k #%s{'value': 1}", class);
    EXPECT(c, "count 1", "dict_set g %s 'found'", raw_do(c, "lookup k"));
    EXPECT(c, "'found'", "dict_get g %s", raw_do(c, "lookup k"));
    EXPECT(c, "NOT_FOUND KEY_NOT_FOUND", "dict_get g #%s{'value':1}", class);
    EXPECT(c, "{Node{'value': 1}: 'found'}", "get g");
    EXPECT(c, "existed", "unbind g");
    EXPECT(c, "existed", "unbind k");
    EXPECT(c, "existed", "unbind Node");
}

static void test_graphs_with_records_travel_whole(void **state)
{
    (void)state;
    in_every_mode(graphs);
}

/* What is cut off: records by depth, classes and names by bytes. */
static void cut_off(struct raw_client *c)
{
    Tenure__V1__Request *request;
    Tenure__V1__Want *want = RAW_NEW(c, Want, WANT);

    declare(c, "Class", "attribute");
    make(c, "r", "Class [[1]]");
    request = raw_parse(c, "get r");
    request->get->want = want;
    want->max_depth = 1;
    assert_string_equal(raw_print(c, raw_call(c, request)), "Class{'attribute': <list>}");
    want->max_depth = 0;
    want->max_bytes = 6; /* the class, and nothing more */
    request = raw_parse(c, "get r");
    request->get->want = want;
    assert_string_equal(raw_print(c, raw_call(c, request)), "Class{<str>: [1]}");
    want->max_bytes = 3;
    request = raw_parse(c, "get Class");
    request->get->want = want;
    assert_string_equal(raw_print(c, raw_call(c, request)), "<class>");
    want->max_bytes = 0;
    want->max_nodes = 2;
    request = raw_parse(c, "get r");
    request->get->want = want;
    assert_string_equal(raw_print(c, raw_call(c, request)), "<record>");
    EXPECT(c, "existed", "unbind r");
    EXPECT(c, "existed", "unbind Class");
}

static void test_records_are_cut_off_as_wanted(void **state)
{
    (void)state;
    in_every_mode(cut_off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_are_declared_and_described),
        cmocka_unit_test(test_records_have_attributes),
        cmocka_unit_test(test_attributes_are_listed_in_pages),
        cmocka_unit_test(test_graphs_with_records_travel_whole),
        cmocka_unit_test(test_records_are_cut_off_as_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
