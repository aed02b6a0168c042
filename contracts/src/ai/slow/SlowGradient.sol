// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    IFoggaraAgg,
    IFoggaraAggDist,
    IFoggaraAggRobust,
    IFoggaraClipNorm,
    IFoggaraOpt
} from "../interfaces/IFoggaraAI.sol";
import {SlowBase} from "./SlowBase.sol";
import {SlowMath} from "./SlowMath.sol";

/// @notice What the aggregates share: C clients with d elements each.
abstract contract SlowClients is SlowBase {
    using SlowMath for bytes;

    function checkClients(uint8 whichD, uint256 d, uint8 whichU, uint256 clients) internal pure {
        checkDimension(whichD, d, CLIENT_ELEMENTS_MAX);
        checkDimension(whichU, clients, CLIENTS_MAX);
    }

    /// @dev The operands, and before them the last limits.
    function loadClients(uint8 which, bytes[] memory u, uint8 dtype, uint256 d) internal view returns (bytes[] memory) {
        atMost(u.length * d * SlowMath.sizeOf(dtype), OPERAND_BYTES_MAX);
        return loadAll(which, u, dtype, d);
    }

    /// @dev i8 or i16, with `wide` also i32.
    function checkSigned(uint8 which, uint8 dtype, bool wide) internal pure {
        bool narrow = SlowMath.isOneOf(dtype, SlowMath.I8, SlowMath.I16);
        if (!narrow && !(wide && dtype == SlowMath.I32)) revert BadDtype(which);
    }
}

/// @notice AGG_SUM and AGG_MEAN in plain Solidity.
contract SlowAgg is SlowClients {
    using SlowMath for bytes;

    function code() internal pure override returns (uint8) {
        return 0x10;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraAgg.sum.selector) return sum(args);
        if (selector == IFoggaraAgg.mean.selector) return mean(args);
        revert UnknownSelector(selector);
    }

    function sum(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 width, uint256 d) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        bytes[] memory u = listAt(args, 3);
        checkFlags(flags, 0);
        if (width != 32 && width != 64) revert BadParam(1);
        checkClients(2, d, 3, u.length);
        uint8 dtype = width == 32 ? SlowMath.I32 : SlowMath.I64;
        bytes memory total = room(d, dtype);
        u = loadClients(3, u, dtype, d);
        for (uint256 i = 0; i < d; ++i) {
            int256 s = 0;
            for (uint256 c = 0; c < u.length; ++c) {
                s += u[c].get(dtype, i);
            }
            total.set(dtype, i, s);
        }
        return abi.encode(vector(flags, dtype, total));
    }

    struct Mean {
        uint8 flags;
        uint8 dtype;
        uint256 d;
        int256 denom;
        int256[] coeff;
    }

    function mean(bytes calldata args) private returns (bytes memory) {
        Mean memory p;
        (p.flags, p.dtype, p.d) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        p.coeff = coefficients(args);
        p.denom = int256(uintAt(args, 4, 64));
        bytes[] memory u = listAt(args, 5);

        checkFlags(p.flags, 0);
        checkSigned(1, p.dtype, true);
        checkClients(2, p.d, 5, u.length);
        if (p.coeff.length != u.length) revert LengthMismatch(3, u.length, p.coeff.length);
        checkCoefficients(p);
        bytes memory average = room(p.d, SlowMath.I32);
        u = loadClients(5, u, p.dtype, p.d);
        for (uint256 i = 0; i < p.d; ++i) {
            int256 s = weighted(p, u, i);
            average.set(SlowMath.I32, i, SlowMath.sat(SlowMath.I32, SlowMath.rAway(s, p.denom)));
        }
        return abi.encode(vector(p.flags, SlowMath.I32, average));
    }

    /// @dev The words of argument 3 as int32, strictly.
    function coefficients(bytes calldata args) private pure returns (int256[] memory coeff) {
        uint256[] memory words = wordsAt(args, 3);
        coeff = new int256[](words.length);
        for (uint256 c = 0; c < words.length; ++c) {
            coeff[c] = SlowMath.signed(words[c], 32);
            if (uint256(coeff[c]) != words[c]) revert BadCalldata();
        }
    }

    /// @dev Also puts the sum of the coefficients in the place of denominator 0.
    function checkCoefficients(Mean memory p) private pure {
        uint256 size = 0;
        int256 total = 0;
        for (uint256 c = 0; c < p.coeff.length; ++c) {
            size += SlowMath.abs(p.coeff[c]);
            total += p.coeff[c];
        }
        if (size > ((1 << 63) - 1) >> (8 * SlowMath.sizeOf(p.dtype) - 1)) revert BadParam(3);
        if (p.denom != 0) return;
        if (total <= 0) revert BadParam(3);
        p.denom = total;
    }

    function weighted(Mean memory p, bytes[] memory u, uint256 index) private pure returns (int256 s) {
        for (uint256 c = 0; c < u.length; ++c) {
            s += p.coeff[c] * u[c].get(p.dtype, index);
        }
    }
}

/// @notice AGG_ROBUST in plain Solidity.
contract SlowAggRobust is SlowClients {
    using SlowMath for bytes;

    function code() internal pure override returns (uint8) {
        return 0x11;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraAggRobust.median.selector) return median(args);
        if (selector == IFoggaraAggRobust.trimmed.selector) return trimmed(args);
        if (selector == IFoggaraAggRobust.signMajority.selector) return signMajority(args);
        revert UnknownSelector(selector);
    }

    function median(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 dtype, uint256 d) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        bytes[] memory u = listAt(args, 3);
        checkFlags(flags, 0);
        checkElement(1, dtype);
        checkClients(2, d, 3, u.length);
        bytes memory middle = room(d, dtype);
        u = loadClients(3, u, dtype, d);
        for (uint256 i = 0; i < d; ++i) {
            middle.set(dtype, i, middleOf(sortedAt(u, dtype, i)));
        }
        return abi.encode(vector(flags, dtype, middle));
    }

    function middleOf(int256[] memory values) private pure returns (int256) {
        uint256 half = values.length / 2;
        if (values.length % 2 == 1) return values[half];
        return SlowMath.rAway(values[half - 1] + values[half], 2);
    }

    function trimmed(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 dtype, uint256 d) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        uint256 cut = uintAt(args, 3, 16);
        bytes[] memory u = listAt(args, 4);
        checkFlags(flags, 0);
        checkElement(1, dtype);
        checkClients(2, d, 4, u.length);
        if (u.length <= 2 * cut) revert BadParam(3);
        bytes memory average = room(d, dtype);
        u = loadClients(4, u, dtype, d);
        for (uint256 i = 0; i < d; ++i) {
            average.set(dtype, i, inner(sortedAt(u, dtype, i), cut));
        }
        return abi.encode(vector(flags, dtype, average));
    }

    function inner(int256[] memory values, uint256 cut) private pure returns (int256) {
        int256 s = 0;
        for (uint256 c = cut; c < values.length - cut; ++c) {
            s += values[c];
        }
        return SlowMath.rAway(s, int256(values.length - 2 * cut));
    }

    function signMajority(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 dtype, uint256 d) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        bytes[] memory u = listAt(args, 3);
        checkFlags(flags, 0);
        checkElement(1, dtype);
        checkClients(2, d, 3, u.length);
        bytes memory signs = room(d, SlowMath.I8);
        u = loadClients(3, u, dtype, d);
        for (uint256 i = 0; i < d; ++i) {
            int256 s = 0;
            for (uint256 c = 0; c < u.length; ++c) {
                s += sign(u[c].get(dtype, i));
            }
            signs.set(SlowMath.I8, i, sign(s));
        }
        return abi.encode(vector(flags, SlowMath.I8, signs));
    }

    function sign(int256 x) private pure returns (int256) {
        return x > 0 ? int256(1) : x < 0 ? int256(-1) : int256(0);
    }

    /// @dev Coordinate `index` of all clients, ascending.
    function sortedAt(bytes[] memory u, uint8 dtype, uint256 index) private pure returns (int256[] memory values) {
        values = new int256[](u.length);
        for (uint256 c = 0; c < u.length; ++c) {
            values[c] = u[c].get(dtype, index);
        }
        SlowMath.sort(values);
    }
}

/// @notice AGG_DIST in plain Solidity.
contract SlowAggDist is SlowClients {
    using SlowMath for bytes;

    function code() internal pure override returns (uint8) {
        return 0x12;
    }

    function run(bytes4 selector, bytes calldata args) internal view override returns (bytes memory) {
        if (selector == IFoggaraAggDist.gram.selector) return gram(args);
        if (selector == IFoggaraAggDist.sqdist.selector) return sqdist(args);
        if (selector == IFoggaraAggDist.krum.selector) return krum(args);
        revert UnknownSelector(selector);
    }

    function gram(bytes calldata args) private view returns (bytes memory) {
        (uint8 dtype, uint256 d, bytes[] memory u) = (u8At(args, 0), u32At(args, 1), listAt(args, 2));
        checkSigned(0, dtype, false);
        checkClients(1, d, 2, u.length);
        u = loadClients(2, u, dtype, d);
        int64[] memory products = new int64[](u.length * (u.length + 1) / 2);
        uint256 to = 0;
        for (uint256 i = 0; i < u.length; ++i) {
            for (uint256 j = i; j < u.length; ++j) {
                products[to++] = int64(product(u[i], u[j], dtype, d));
            }
        }
        return abi.encode(products);
    }

    function product(bytes memory a, bytes memory b, uint8 dtype, uint256 d) private pure returns (int256 s) {
        for (uint256 i = 0; i < d; ++i) {
            s += a.get(dtype, i) * b.get(dtype, i);
        }
    }

    function sqdist(bytes calldata args) private view returns (bytes memory) {
        (uint8 dtype, uint256 d, bytes[] memory u) = (u8At(args, 0), u32At(args, 1), listAt(args, 2));
        checkSigned(0, dtype, false);
        checkClients(1, d, 2, u.length);
        u = loadClients(2, u, dtype, d);
        uint64[] memory distances = new uint64[](u.length * (u.length - 1) / 2);
        uint256 to = 0;
        for (uint256 i = 0; i < u.length; ++i) {
            for (uint256 j = i + 1; j < u.length; ++j) {
                distances[to++] = uint64(uint256(distance(u[i], u[j], dtype, d)));
            }
        }
        return abi.encode(distances);
    }

    function distance(bytes memory a, bytes memory b, uint8 dtype, uint256 d) private pure returns (int256 s) {
        for (uint256 i = 0; i < d; ++i) {
            int256 difference = a.get(dtype, i) - b.get(dtype, i);
            s += difference * difference;
        }
    }

    struct Krum {
        uint8 dtype;
        uint256 d;
        uint256 f;
        uint256 m;
    }

    function krum(bytes calldata args) private view returns (bytes memory) {
        Krum memory p = Krum(u8At(args, 0), u32At(args, 1), uintAt(args, 2, 16), uintAt(args, 3, 16));
        bytes[] memory u = listAt(args, 4);
        checkSigned(0, p.dtype, false);
        checkClients(1, p.d, 4, u.length);
        if (u.length < 2 * p.f + 3) revert BadParam(2);
        if (p.m == 0 || p.m > u.length - p.f) revert BadParam(3);
        u = loadClients(4, u, p.dtype, p.d);
        uint64[] memory scores = new uint64[](u.length);
        for (uint256 i = 0; i < u.length; ++i) {
            scores[i] = score(p, u, i);
        }
        return abi.encode(scores, least(scores, p.m));
    }

    /// @dev Sum of the C - f - 2 smallest distances of `index` to others.
    function score(Krum memory p, bytes[] memory u, uint256 index) private pure returns (uint64) {
        int256[] memory distances = new int256[](u.length - 1);
        for (uint256 j = 0; j < u.length - 1; ++j) {
            distances[j] = distance(u[index], u[j < index ? j : j + 1], p.dtype, p.d);
        }
        SlowMath.sort(distances);
        int256 s = 0;
        for (uint256 j = 0; j < u.length - p.f - 2; ++j) {
            s += distances[j];
        }
        return uint64(uint256(s));
    }

    /// @dev Indices of the m least scores, the least first; of equal ones the first.
    function least(uint64[] memory scores, uint256 m) private pure returns (uint16[] memory chosen) {
        chosen = new uint16[](m);
        bool[] memory taken = new bool[](scores.length);
        for (uint256 i = 0; i < m; ++i) {
            uint256 next = scores.length;
            for (uint256 c = 0; c < scores.length; ++c) {
                if (!taken[c] && (next == scores.length || scores[c] < scores[next])) next = c;
            }
            taken[next] = true;
            chosen[i] = uint16(next);
        }
    }
}

/// @notice CLIP_NORM in plain Solidity.
contract SlowClipNorm is SlowClients {
    using SlowMath for bytes;

    function code() internal pure override returns (uint8) {
        return 0x13;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraClipNorm.clip.selector) return clip(args);
        if (selector == IFoggaraClipNorm.normSq.selector) return normSq(args);
        revert UnknownSelector(selector);
    }

    function clip(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 dtype, uint256 max) = (u8At(args, 0), u8At(args, 1), uintAt(args, 2, 64));
        bytes memory x = bytesAt(args, 3);
        checkFlags(flags, 0);
        checkSigned(1, dtype, true);
        if (max >> 32 != 0) revert BadParam(2);
        uint256 n;
        (x, n) = loadSome(3, x, dtype);
        atMost(n, CLIENT_ELEMENTS_MAX);
        bytes memory y = room(n, dtype);
        uint256 s = squares(x, dtype, n);
        int256 q = s <= max * max ? int256(1 << 31) : int256((max << 31) / rootUp(s));
        for (uint256 i = 0; i < n; ++i) {
            // Division of int256 goes toward zero.
            y.set(dtype, i, x.get(dtype, i) * q / (1 << 31));
        }
        return abi.encode(vector(flags, dtype, y), s);
    }

    function rootUp(uint256 s) private pure returns (uint256 root) {
        root = SlowMath.isqrt(s);
        if (root * root < s) ++root;
    }

    function normSq(bytes calldata args) private view returns (bytes memory) {
        (uint8 dtype, bytes memory x) = (u8At(args, 0), bytesAt(args, 1));
        checkSigned(0, dtype, true);
        uint256 n;
        (x, n) = loadSome(1, x, dtype);
        atMost(n, CLIENT_ELEMENTS_MAX);
        return abi.encode(squares(x, dtype, n));
    }

    function squares(bytes memory x, uint8 dtype, uint256 n) private pure returns (uint256 s) {
        for (uint256 i = 0; i < n; ++i) {
            int256 value = x.get(dtype, i);
            s += uint256(value * value);
        }
    }
}

/// @notice OPT in plain Solidity.
contract SlowOpt is SlowBase {
    using SlowMath for bytes;

    /// @dev One in the fixed point of `mu`, `c1` and `c2`.
    int256 internal constant ONE = 1 << 31;

    struct Step {
        uint8 flags;
        uint8 f;
        int256 lr;
        int256 wd;
        int256 mu;
        uint256 n;
    }

    function code() internal pure override returns (uint8) {
        return 0x14;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraOpt.sgd.selector) return sgd(args);
        if (selector == IFoggaraOpt.momentum.selector) return momentum(args);
        if (selector == IFoggaraOpt.adam.selector) return adam(args);
        revert UnknownSelector(selector);
    }

    function sgd(bytes calldata args) private returns (bytes memory) {
        Step memory p = Step(u8At(args, 0), u8At(args, 1), i32At(args, 2), i32At(args, 3), 0, 0);
        (bytes memory w, bytes memory g) = (bytesAt(args, 4), bytesAt(args, 5));
        checkFlags(p.flags, 0);
        if (p.f > 30) revert BadParam(0);
        (w, p.n) = loadSome(1, w, SlowMath.I32);
        atMost(p.n, CLIENT_ELEMENTS_MAX);
        g = load(2, g, SlowMath.I32, p.n);
        bytes memory newW = room(p.n, SlowMath.I32);
        for (uint256 i = 0; i < p.n; ++i) {
            int256 weight = w.get(SlowMath.I32, i);
            int256 gradient = decayed(p, weight, g.get(SlowMath.I32, i));
            newW.set(SlowMath.I32, i, sat(weight - SlowMath.rAway(p.lr * gradient, one(p.f))));
        }
        return abi.encode(vector(p.flags, SlowMath.I32, newW));
    }

    function momentum(bytes calldata args) private returns (bytes memory) {
        Step memory p = Step(u8At(args, 0), u8At(args, 1), i32At(args, 2), i32At(args, 3), int256(u32At(args, 4)), 0);
        (bytes memory w, bytes memory u, bytes memory g) = (bytesAt(args, 5), bytesAt(args, 6), bytesAt(args, 7));
        checkFlags(p.flags, 0);
        if (p.f > 30 || p.mu > ONE) revert BadParam(0);
        (w, p.n) = loadSome(1, w, SlowMath.I32);
        atMost(p.n, CLIENT_ELEMENTS_MAX);
        u = load(2, u, SlowMath.I32, p.n);
        g = load(3, g, SlowMath.I32, p.n);
        atMost(8 * p.n, OUTPUT_BYTES_MAX);
        bytes memory newW = room(p.n, SlowMath.I32);
        bytes memory newU = room(p.n, SlowMath.I32);
        for (uint256 i = 0; i < p.n; ++i) {
            int256 weight = w.get(SlowMath.I32, i);
            int256 velocity = decayed(p, weight, g.get(SlowMath.I32, i));
            velocity = sat(velocity + SlowMath.rAway(p.mu * u.get(SlowMath.I32, i), ONE));
            newU.set(SlowMath.I32, i, velocity);
            newW.set(SlowMath.I32, i, sat(weight - SlowMath.rAway(p.lr * velocity, one(p.f))));
        }
        newW = vector(p.flags, SlowMath.I32, newW);
        return abi.encode(newW, vector(p.flags, SlowMath.I32, newU));
    }

    /// @dev The gradient with weight decay.
    function decayed(Step memory p, int256 weight, int256 gradient) private pure returns (int256) {
        return sat(gradient + SlowMath.rAway(p.wd * weight, one(p.f)));
    }

    function one(uint8 f) private pure returns (int256) {
        return int256(1 << f);
    }

    function sat(int256 x) private pure returns (int256) {
        return SlowMath.sat(SlowMath.I32, x);
    }

    struct Adam {
        uint8 flags;
        uint8 f;
        int256 lr;
        int256 c1;
        int256 c2;
        int256 eps;
        uint256 n;
    }

    struct State {
        bytes w;
        bytes m;
        bytes v;
        bytes g;
    }

    function adam(bytes calldata args) private returns (bytes memory) {
        Adam memory p;
        (p.flags, p.f, p.lr) = (u8At(args, 0), u8At(args, 1), i32At(args, 2));
        (p.c1, p.c2, p.eps) = (int256(u32At(args, 3)), int256(u32At(args, 4)), int256(u32At(args, 5)));
        State memory s = State(bytesAt(args, 6), bytesAt(args, 7), bytesAt(args, 8), bytesAt(args, 9));
        checkFlags(p.flags, 1);
        if (p.f > 30 || p.c1 > ONE || p.c2 > ONE || p.eps == 0) revert BadParam(0);
        (s.w, p.n) = loadSome(1, s.w, SlowMath.I32);
        atMost(p.n, CLIENT_ELEMENTS_MAX);
        s.m = load(2, s.m, SlowMath.I32, p.n);
        s.v = load(3, s.v, SlowMath.I64, p.n);
        s.g = load(4, s.g, SlowMath.I32, p.n);
        atMost(16 * p.n, OUTPUT_BYTES_MAX);
        for (uint256 i = 0; i < p.n; ++i) {
            if (s.v.get(SlowMath.I64, i) < 0) revert BadElement(3, i);
        }
        // Each element of the state is read before it is overwritten.
        for (uint256 i = 0; i < p.n; ++i) {
            update(p, s, i);
        }
        s.w = vector(p.flags, SlowMath.I32, s.w);
        s.m = vector(p.flags, SlowMath.I32, s.m);
        return abi.encode(s.w, s.m, vector(p.flags, SlowMath.I64, s.v));
    }

    function update(Adam memory p, State memory s, uint256 i) private pure {
        int256 g = s.g.get(SlowMath.I32, i);
        int256 m = s.m.get(SlowMath.I32, i);
        m += SlowMath.rAway((g - m) * p.c1, ONE);
        s.m.set(SlowMath.I32, i, m);
        int256 v = second(p, s.v.get(SlowMath.I64, i), g * g);
        s.v.set(SlowMath.I64, i, v);
        int256 step = SlowMath.rAway(p.lr * m, int256(SlowMath.isqrt(uint256(v))) + p.eps);
        s.w.set(SlowMath.I32, i, sat(s.w.get(SlowMath.I32, i) - step));
    }

    /// @dev The second moment, of Adam or with flag 1 of Yogi.
    function second(Adam memory p, int256 v, int256 square) private pure returns (int256) {
        if (p.flags & 1 == 0) {
            v += SlowMath.rAway((square - v) * p.c2, ONE);
        } else {
            int256 sign = v > square ? int256(1) : v < square ? int256(-1) : int256(0);
            v -= SlowMath.rAway(sign * square * p.c2, ONE);
            if (v < 0) v = 0;
        }
        return SlowMath.sat(SlowMath.I64, v);
    }
}
