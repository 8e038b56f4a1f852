"""AES-GCM in plain Python, so that simulated telegrams are not sealed by the library that opens them.

Source: FIPS 197 (AES), NIST SP 800-38D (GCM).
"""

_BLOCK = 16
_REDUCED = 0x1B
_POLYNOMIAL = 0xE1 << 120


def sealed(plain: bytes, *, key: bytes, nonce: bytes, also: bytes = b"") -> tuple[bytes, bytes]:
    """Return ciphertext and tag of sixteen octets.

    Args:
        plain: What is encrypted.
        key: 16 octets.
        nonce: 12 octets.
        also: Covered by the tag, but not encrypted.
    """
    rounds = _round_keys(key)
    coded = bytearray()
    for index in range(0, len(plain), _BLOCK):
        counter = (index // _BLOCK + 2).to_bytes(4, "big")
        coded += _mixed(plain[index : index + _BLOCK], _encrypted(nonce + counter, rounds))
    subkey = int.from_bytes(_encrypted(bytes(_BLOCK), rounds), "big")
    lengths = (8 * len(also)).to_bytes(8, "big") + (8 * len(coded)).to_bytes(8, "big")
    hashed = 0
    covered = _padded(also) + _padded(bytes(coded)) + lengths
    for index in range(0, len(covered), _BLOCK):
        hashed = _product(hashed ^ int.from_bytes(covered[index : index + _BLOCK], "big"), subkey)
    mask = _encrypted(nonce + (1).to_bytes(4, "big"), rounds)
    return bytes(coded), _mixed(hashed.to_bytes(_BLOCK, "big"), mask)


def _mixed(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=False))


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % _BLOCK)


def _product(first: int, second: int) -> int:
    """Multiply in the field of GHASH, whose first bit is the highest."""
    result = 0
    for bit in range(127, -1, -1):
        if first >> bit & 1:
            result ^= second
        second = second >> 1 ^ (_POLYNOMIAL if second & 1 else 0)
    return result


def _doubled(octet: int) -> int:
    return (octet << 1 ^ (_REDUCED if octet & 0x80 else 0)) & 0xFF


def _substitution() -> bytes:
    powers = [1]
    for _ in range(254):
        powers.append(powers[-1] ^ _doubled(powers[-1]))
    inverse = [0] * 256
    for exponent, power in enumerate(powers):
        inverse[power] = powers[-exponent % 255]
    turned = []
    for octet in inverse:
        spread = octet
        for shift in range(1, 5):
            spread ^= (octet << shift | octet >> 8 - shift) & 0xFF
        turned.append(spread ^ 0x63)
    return bytes(turned)


_SUBSTITUTES = _substitution()


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[index : index + 4] for index in range(0, len(key), 4)]
    constant = 1
    for index in range(4, 44):
        word = words[-1]
        if index % 4 == 0:
            word = bytes(_SUBSTITUTES[octet] for octet in word[1:] + word[:1])
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _doubled(constant)
        words.append(_mixed(words[-4], word))
    return [b"".join(words[index : index + 4]) for index in range(0, 44, 4)]


def _encrypted(block: bytes, rounds: list[bytes]) -> bytes:
    state = _mixed(block, rounds[0])
    for number, round_key in enumerate(rounds[1:], start=1):
        shifted = bytes(_SUBSTITUTES[state[(index + 4 * (index % 4)) % _BLOCK]] for index in range(_BLOCK))
        state = _mixed(shifted if number == len(rounds) - 1 else _columns(shifted), round_key)
    return state


def _columns(state: bytes) -> bytes:
    mixed = bytearray()
    for start in range(0, _BLOCK, 4):
        column = state[start : start + 4]
        whole = column[0] ^ column[1] ^ column[2] ^ column[3]
        mixed += bytes(column[row] ^ whole ^ _doubled(column[row] ^ column[(row + 1) % 4]) for row in range(4))
    return bytes(mixed)
