variable "api_provider" {
  description = "The provider: a ready-made one, or a file that a layer brings"
  type        = string
  default     = "gitlab"
}

variable "api_secret" {
  description = "The secret's JSON, with a token that works, as the provider's file says"
  type        = string
  ephemeral   = true
  sensitive   = true
}

resource "aws_secretsmanager_secret" "api_key" {
  description = "A token of ${var.api_provider}"

  tags = {
    "fourstep:provider" = var.api_provider
  }
}

resource "aws_secretsmanager_secret_version" "api_key" {
  secret_id                = aws_secretsmanager_secret.api_key.id
  secret_string_wo_version = 1
  secret_string_wo         = var.api_secret
}

module "api_key_rotation" {
  source      = "./rotation-function"
  name        = "rotate-api-key"
  zips        = var.zips
  release     = var.release
  timeout     = 120
  secrets     = [aws_secretsmanager_secret.api_key.arn]
  environment = { API_PROVIDER = var.api_provider }
}

resource "aws_secretsmanager_secret_rotation" "api_key" {
  secret_id           = aws_secretsmanager_secret.api_key.id
  rotation_lambda_arn = module.api_key_rotation.arn
  rotate_immediately  = true

  rotation_rules {
    schedule_expression = "rate(30 days)"
  }

  depends_on = [module.api_key_rotation, aws_secretsmanager_secret_version.api_key]
}
