terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "zips" {
  description = "The folder with the zips of a release"
  type        = string
  default     = "../../dist"
}

variable "release" {
  description = "The version and the processor in the zips' names"
  type        = string
  default     = "0.1.0-arm64"
}
