// The words that sources for EvSpikeSim put before functions; here they need no more than `inline`.
#pragma once

#if !defined(CALLBACK)
#define CALLBACK
#endif
#if !defined(DEVICE)
#define DEVICE
#endif
#if !defined(GLOBAL)
#define GLOBAL
#endif
#if !defined(INLINE)
#define INLINE inline
#endif
