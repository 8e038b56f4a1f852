"""DLMS/COSEM as meters push it by themselves: octets → telegrams. Pure but for the door to the cipher."""
