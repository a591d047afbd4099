// EvSpikeSim's arrays, which callbacks have no use for: there is nothing here but what an #include needs.
#pragma once

#include <evspikesim/Misc/ContainerTypes.h>
#include <evspikesim/Misc/Decorators.h>
