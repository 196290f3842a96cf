/* SPDX-License-Identifier: MIT */
/* The service's collector of cycles: its configuration, and what is told of it. */
#ifndef TN_SERVER_COLLECTOR_H
#define TN_SERVER_COLLECTOR_H

#include "core/base/attr.h"
#include "server/service.h"

/* Starts the collector of the service's heap, to which no thread is attached yet.
 * It ends with the heap. Fails as tn_gc_start(). */
TN_MUST_CHECK int tn_collector_start(struct tn_service *service);

#endif
