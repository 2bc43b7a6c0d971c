/*
 * payments.h - what the files of halle-payments share.
 */
#ifndef HALLE_PAYMENTS_H
#define HALLE_PAYMENTS_H

#include "svc.h"

#endif
