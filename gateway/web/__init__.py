"""The page and its JSON API: what a browser shows of sites, devices, buses and deliveries."""
