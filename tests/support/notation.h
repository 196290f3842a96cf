/* SPDX-License-Identifier: MIT */
/*
 * Values as text, so that a test reads like what it is about:
 *
 *     None True -1 2.5 'text' b'bytes' (1, 2) [1, 2] {'a': 1}
 *     &0[1, *0]    a list that holds itself: &N in front of a container names it
 *     @1234abcd    the handle of that number, hexadecimal
 *     ^2           what step 2 of the batch returned
 *     #@12{'x': 1} a record of the class that has the handle (or #^2 the step)
 *
 * Within quotes \' \\ and \xNN are escapes. Printing writes the same notation,
 * with names only for containers that are met twice, numbered as they are met;
 * and a handle as `<list>`, by the type of its object, a class as `<class 'Point'>`,
 * and a record of it as `Point{'x': 1}`.
 */
#ifndef TN_TESTS_SUPPORT_NOTATION_H
#define TN_TESTS_SUPPORT_NOTATION_H

#include <stddef.h>

#include "proto/arena.h"
#include "proto/value.h"

/* The value that a text means, in the arena. Aborts if the text is wrong. */
Tenure__V1__Value *notation_parse(const char *text, struct tn_arena *arena);

/* The text of a value (which has passed tn_value_check()), in the arena. */
const char *notation_print(const Tenure__V1__Value *value, struct tn_arena *arena);

#endif
