"""What meters that describe their records themselves have in common: M-Bus, P1, IEC 62056-21, SML, DLMS and KMP."""
