/*
 * bank.h - what the files of halle-bank share.
 */
#ifndef HALLE_BANK_H
#define HALLE_BANK_H

#include "svc.h"

#endif
