variable "name" {
  description = "The function, such as rotate-postgres"
  type        = string
}

variable "zips" {
  description = "The folder with the zips of a release"
  type        = string
}

variable "release" {
  description = "The version and the processor in the zips' names, such as 0.1.0-arm64"
  type        = string
}

variable "timeout" {
  description = "The longest that a step may take, in seconds"
  type        = number
}

variable "environment" {
  description = "Settings, as the README lists them"
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "The ARNs of the secrets that it rotates"
  type        = list(string)
}

variable "administrators" {
  description = "The secrets that may be administrators' secrets, which the field masterarn of other secrets names"
  type        = list(string)
  default     = []
}

variable "statements" {
  description = "What the role allows beside the secrets"
  type        = any
  default     = []
}

variable "subnet_ids" {
  description = "The subnets to join"
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "The security groups there"
  type        = list(string)
  default     = []
}

output "arn" {
  description = "For rotation_lambda_arn. Depend on the module too: it has the permission and the policy"
  value       = aws_lambda_function.this.arn
}
