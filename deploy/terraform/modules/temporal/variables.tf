variable "name" {
  description = "Name of the deployment."
  type        = string
}

variable "mode" {
  description = "`self_hosted` = four services on Fargate; `cloud` = Temporal Cloud, reached by an API key."
  type        = string
  default     = "self_hosted"

  validation {
    condition     = contains(["self_hosted", "cloud"], var.mode)
    error_message = "Use self_hosted or cloud. GovCloud has no Temporal Cloud."
  }
}

variable "cloud" {
  description = "Temporal Cloud: address, namespace and the ARN of the secret with the API key. Null = self_hosted."
  type        = object({ address = string, namespace = string, api_key_secret_arn = string })
  default     = null
}

variable "image" {
  description = "Image of the Temporal server, by digest, from your own registry."
  type        = string
  default     = ""
}

variable "history_shards" {
  description = "Shards of the history service. It can never be changed later."
  type        = number
  default     = 512
}

variable "sizes" {
  description = "Processor units, MB and tasks of each service."
  type        = map(object({ cpu = number, memory = number, count = number }))
  default = {
    frontend = { cpu = 512, memory = 1024, count = 2 }
    history  = { cpu = 1024, memory = 4096, count = 2 }
    matching = { cpu = 512, memory = 1024, count = 2 }
    worker   = { cpu = 256, memory = 512, count = 1 }
  }
}

variable "partition" {
  type    = string
  default = "aws"
}

variable "vpc_id" {
  type = string
}

variable "cidr" {
  type = string
}

variable "private_subnet_ids" {
  type = list(string)
}

variable "tasks_security_group_id" {
  type = string
}

variable "cluster_arn" {
  description = "ECS cluster of the deployment."
  type        = string
}

variable "database_host" {
  type = string
}

variable "database_secret_arn" {
  description = "Secret with username and password of Temporal's database user."
  type        = string
}

variable "stores_key_arn" {
  type = string
}

variable "logs_key_arn" {
  type = string
}
