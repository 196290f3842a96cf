/* SPDX-License-Identifier: MIT */
/*
 * The heap: what everyone outside core/ includes.
 *
 * A heap holds reference-counted objects in one of three modes. A thread that
 * wants to touch it attaches once, and is then online while it works with
 * objects and offline while it does anything that may block for long:
 *
 *     struct tn_thread *thread;
 *     tn_thread_attach(heap, &thread);
 *     for (;;) {
 *         struct tn_mutator *mu = tn_thread_online(thread);
 *         ... work: tn_int_new(mu, 1, &o), tn_name_lookup(...), tn_decref(mu, o) ...
 *         tn_thread_safepoint(thread, TN_WORK_BUDGET);   now and then
 *         tn_thread_offline(thread);
 *         ... wait for input ...
 *     }
 *     tn_thread_detach(&thread);
 *
 * From online to the next safe point or offline is one read section: what was
 * borrowed (found without taking a reference) stays valid until then and no
 * longer. In mode `gil` that is so because the global lock is held.
 */
#ifndef TN_CORE_HEAP_H
#define TN_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/base/err.h"
#include "core/base/slice.h"
#include "core/gc/gc.h"
#include "core/inspect/census.h"
#include "core/inspect/size.h"
#include "core/object/events.h"
#include "core/object/identity.h"
#include "core/object/names.h"
#include "core/object/object.h"
#include "core/object/refcount.h"
#include "core/object/thread.h"
#include "core/object/weakref.h"
#include "core/types/types.h"

#endif
