// What the GPU can do at most: bytes copied, and multiply-adds in float.
extern "C" __global__ void copy(const float4* from, float4* to, long long n) {
    const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long k = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; k < n; k += step) to[k] = from[k];
}

extern "C" __global__ void multiply_add(float* out, float factor, int rounds) {
    float x[8];
    for (int k = 0; k < 8; ++k) x[k] = static_cast<float>(threadIdx.x + k);
    for (int round = 0; round < rounds; ++round) {
#pragma unroll
        for (int k = 0; k < 8; ++k) x[k] = fmaf(x[k], factor, 1.0f);
    }
    float sum = 0.0f;
    for (int k = 0; k < 8; ++k) sum += x[k];
    if (sum == 1.5f) out[0] = sum;  // never; keeps the loop
}
