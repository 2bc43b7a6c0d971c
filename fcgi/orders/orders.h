/*
 * orders.h - what the files of halle-orders share.
 */
#ifndef HALLE_ORDERS_H
#define HALLE_ORDERS_H

#include "svc.h"

#endif
