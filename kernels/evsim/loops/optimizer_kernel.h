// The contract between optimizers and their loops, which are compiled once per instruction set.
#pragma once

#include <cstdint>

namespace evsim {

/// Rows of neighbouring values; a row of weights or gradients begins `stride` values after the one before.
struct OptimizerRows {
    std::int64_t n_rows, n;
    void* weights;
    const void* gradients;
    std::int64_t weight_stride, gradient_stride;
    void *first, *second, *largest;  ///< what is remembered, without gaps between rows; nullptr: nothing
};

/// w <- (1 - shrink) w, then from g + pull w by momentum, or by momentum over the root of the mean square.
struct OptimizerNumbers {
    double shrink, pull;            ///< decoupled weight decay times the rate; weight decay within the gradient
    double momentum, keep;          ///< m <- momentum m + keep g
    double of_memory, of_gradient;  ///< the step goes along of_memory m + of_gradient g
    double square_memory, square_keep;
    double root, epsilon;  ///< over root sqrt(v) + epsilon
};

struct OptimizerSteps {
    void (*momentum_float)(const OptimizerRows&, const OptimizerNumbers&);
    void (*momentum_double)(const OptimizerRows&, const OptimizerNumbers&);
    void (*adaptive_float)(const OptimizerRows&, const OptimizerNumbers&);
    void (*adaptive_double)(const OptimizerRows&, const OptimizerNumbers&);
    /// Of the gradients alone.
    double (*squares_float)(const OptimizerRows&);
    double (*squares_double)(const OptimizerRows&);
};

}  // namespace evsim
