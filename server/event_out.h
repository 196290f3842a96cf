/* SPDX-License-Identifier: MIT */
/* An event of the heap as a message of the schema. */
#ifndef TN_SERVER_EVENT_OUT_H
#define TN_SERVER_EVENT_OUT_H

#include <stdint.h>

#include "core/base/attr.h"
#include "core/heap.h"
#include "proto/buffer.h"

/*
 * Appends the length of an Event and the Event. TN_HEAP_EVENT_MISSED is a gap:
 * numbers[0] events were lost and numbers[1] not looked at. Fails as
 * tn_message_pack(); the buffer is unchanged then.
 */
TN_MUST_CHECK int tn_event_pack(const struct tn_heap_event *event, uint64_t sequence,
                                struct tn_buffer *out);

#endif
