// Exact event-driven inference through a population whose neurons are each reached by spikes of their own.
#pragma once

#include <memory>
#include <span>

#include "drive.hpp"
#include "engine/run.hpp"
#include "projection.hpp"

namespace evsim {

/// `projections`: all that lead to the population, which lies in a row, and their `delays`; `drives`: what drives it
/// from outside. They and the population must outlive the run.
std::unique_ptr<Run> scatter_forward(const Population& population,
                                     std::span<const std::shared_ptr<Projection>> projections,
                                     std::span<const std::shared_ptr<const Delays>> delays,
                                     std::span<const std::shared_ptr<const Drive>> drives, std::size_t n_samples);

}  // namespace evsim
