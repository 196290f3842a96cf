/* SPDX-License-Identifier: MIT */
/* What an object is called from outside. */
#ifndef TN_CORE_OBJECT_IDENTITY_H
#define TN_CORE_OBJECT_IDENTITY_H

#include <stdint.h>

#include "core/object/object.h"

/* A number that the object has for its whole life and no other live object of
 * the heap has. Tells nothing about addresses. Never 0. Any thread. */
uint64_t tn_identity(const struct tn_heap *heap, const struct tn_object *o);

/* The same for an object of which only the address is left. */
uint64_t tn_identity_of_address(const struct tn_heap *heap, uint64_t address);

#endif
