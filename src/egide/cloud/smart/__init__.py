"""SMART App Launch 2.2 and Backend Services: apps are actors, registered by one person and approved by another."""
