"""Clusters at run time: endpoints, balancing, connection pools."""
