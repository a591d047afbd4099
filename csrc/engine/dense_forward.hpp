// Exact event-driven inference through a population in a row, for a batch of samples.
#pragma once

#include <memory>
#include <span>

#include "engine/run.hpp"
#include "projection.hpp"

namespace evsim {

/// `projections`: dense ones, all that lead to the population. They and it must outlive the run.
std::unique_ptr<Run> dense_forward(const Population& population,
                                   std::span<const std::shared_ptr<Projection>> projections, std::size_t n_samples);

}  // namespace evsim
