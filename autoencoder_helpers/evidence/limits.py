"""How large a described network may be: numbers, and why they are as they are."""

MOST_LAYERS = 200  # input layers and models count as layers
MOST_CALLS = 300  # written down; Keras follows a chain of calls by recursion
MOST_CALLS_RUN = 1_000  # once all models inside models are unfolded
DEEPEST_NESTING = 10
MOST_PARAMETERS = 20_000_000  # the largest network of the course has 2.4 million
LARGEST_TENSOR = 2_000_000  # values of one image; the course needs 190,000
MOST_WIDENED = 400  # as many values for each one of an image; the course needs 20
SMALLEST_IMAGE = 784  # values; parts of a network with fewer at both ends may do as much as one with these
LARGEST_PATCHES = 32_000_000  # values of one image that a transposed convolution spreads out before adding
MOST_WORK = 260_000  # multiplications for one image, for each of its values; the course needs 26,000
WORK_OF_A_VALUE = 100  # in multiplications, to read or write one value, as elementwise layers do: memory is slow
LARGEST_CONSTANT = 20_000  # numbers in a prior's parameter, or in a constant of an operation
MOST_AXES = 6
LONGEST_NAME = 200
